using GeoDR.Audit;
using GeoDR.Dashboard;
using GeoDR.Postgres;
using GeoDR.Schedules;
using GeoDR.Sites;
using GeoDR.SyncState;

namespace GeoDR.Cli;

/// <summary>Verbs that need only this site's database.</summary>
internal static class DatabaseVerbs
{
    public static Task<int> MigrateAsync(CancellationToken cancel) => VerbSettings.WithDatabaseAsync(async source =>
    {
        var applied = await Migrator.MigrateAsync(source, cancel);
        await QuartzStore.ProvisionAsync(source, cancel);
        if (applied > 0)
            await new AuditLog(source).NoteAsync(Shell.User, "migrated", null, null, $"{applied} scripts", cancel);
        await Console.Error.WriteLineAsync(applied == 0 ? "The schema is up to date." : $"The schema is up to date; {applied} script{(applied == 1 ? "" : "s")} ran.");
        if (await Migrator.GrantReaderAsync(source, cancel) is { } sql)
            await Console.Error.WriteLineAsync($"This role may not create roles. For readers of the log, somebody who may must run:\n  {sql}");
        return ExitCodes.Success;
    });

    /// <summary>Says what <c>migrate</c> would do, one line each on stdout, and does none of it.</summary>
    public static Task<int> PendingAsync(CancellationToken cancel) => VerbSettings.WithDatabaseAsync(async source =>
    {
        var steps = (await Migrator.PendingAsync(source, cancel)).ToList();
        if (!await QuartzStore.IsProvisionedAsync(source, cancel))
            steps.Add("the schema quartz of the schedules");
        foreach (var step in steps)
            Console.WriteLine(step);
        await Console.Error.WriteLineAsync(steps.Count == 0 ? "The schema is up to date." : $"{Display.Number(steps.Count, "step", "steps")} to do, in this order; nothing was changed.");
        return ExitCodes.Success;
    });

    public static Task<int> ResyncAsync(string? repository, bool all, RowFilter filter, CancellationToken cancel)
    {
        if ((repository is not null ? 1 : 0) + (all ? 1 : 0) + (filter.IsEmpty ? 0 : 1) != 1)
            return UsageAsync("Say which: --repository NAME, --all, or some of --search, --state, --verification, --cause and --paused.");
        return VerbSettings.WithDatabaseAsync(async source =>
        {
            if (await new SiteStore(source).ReadAsync(cancel) is not { Role: Site.Secondary })
            {
                await Console.Error.WriteLineAsync("Only a secondary syncs; run this at the secondary site.");
                return ExitCodes.Failed;
            }
            var requests = new Requests(source);
            if (repository is not null)
            {
                var found = await requests.ResyncOneAsync(repository, Shell.User, cancel);
                await Console.Error.WriteLineAsync(found ? $"{repository} is marked for sync." : $"There is no repository {repository} here.");
                return found ? ExitCodes.Success : ExitCodes.Failed;
            }
            var id = await requests.ResyncAsync(filter, Shell.User, cancel);
            await Console.Error.WriteLineAsync($"Request {id} is recorded; `geodr status` shows its progress.");
            return ExitCodes.Success;
        });
    }

    public static Task<int> PauseAsync(bool paused, CancellationToken cancel) => VerbSettings.WithDatabaseAsync(async source =>
    {
        await new SiteStore(source).PauseAsync(paused, Shell.User, cancel);
        await Console.Error.WriteLineAsync(paused ? "The sync is paused; what has begun is finished. `geodr resume` lets it go on." : "The sync goes on.");
        return ExitCodes.Success;
    });

    private static async Task<int> UsageAsync(string words)
    {
        await Console.Error.WriteLineAsync(words);
        return ExitCodes.Usage;
    }
}
