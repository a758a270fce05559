using System.CommandLine;
using System.Text.Json;
using GeoDR.Audit;
using GeoDR.Configuration;
using GeoDR.Hosting;
using GeoDR.Reconcile;
using GeoDR.Registry;
using GeoDR.Sites;
using Npgsql;

namespace GeoDR.Cli;

/// <summary>Finds what notifications missed: on a primary against its registry, on a secondary against its registry and its primary.</summary>
internal static class ReconcileVerb
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static Command Command()
    {
        var dry = new Option<bool>("--dry-run") { Description = "only list; nothing is appended, marked or corrected" };
        var last = new Option<bool>("--last") { Description = "show what the last comparison found, and compare nothing" };
        var json = new Option<bool>("--json") { Description = "nothing but JSON on stdout" };
        var command = new Command("reconcile", "find what notifications missed: compare this site's registry with what is known of it, and on a secondary its fingerprints with the primary's") { dry, last, json };
        command.SetAction((p, cancel) => p.GetValue(last) ? LastAsync(p.GetValue(json), cancel) : RunAsync(p.GetValue(dry), p.GetValue(json), cancel));
        return command;
    }

    private static async Task<int> RunAsync(bool dry, bool json, CancellationToken cancel)
    {
        if (VerbSettings.Read() is not { } settings)
            return ExitCodes.Settings;
        if (settings.Registry is null)
        {
            VerbSettings.Report([new("Geo:Registry:Url", "is missing; name this site's registry, which is to be compared")]);
            return ExitCodes.Settings;
        }
        return await VerbSettings.GuardAsync(async () =>
        {
            await using var services = new ServiceCollection().AddLogging().AddSite(settings).AddReconcile(settings).BuildServiceProvider();
            var source = services.GetRequiredService<NpgsqlDataSource>();
            if (await new SiteStore(source).ReadAsync(cancel) is not { } site)
                return await SayAsync("This site has not been started yet: run `geodr serve`.");
            if (!dry)
                await new AuditLog(source).NoteAsync(Shell.User, AuditWords.Compared, null, null, null, cancel);
            // A run by hand reads everything, whenever it was read last.
            var since = await NowAsync(source, cancel);
            try
            {
                var report = await LongWork.ShowAsync("Comparing", show => services.GetRequiredService<Reconciler>().RunAsync(site.Role, since, !dry, read =>
                {
                    show(0, 0, $"{read.Repositories} repositories, {read.Tags} tags compared, {read.Findings.Count} differences");
                    return Task.CompletedTask;
                }, cancel));
                Show(report.Findings, json);
                await Console.Error.WriteLineAsync(Summary(site, report, dry));
                return ExitCodes.Success;
            }
            catch (Exception e) when (e is RegistryException or PeerUnavailableException or TimeoutException)
            {
                return await SayAsync($"The comparison could not be completed: {e.Message}");
            }
        });
    }

    private static Task<int> LastAsync(bool json, CancellationToken cancel) => VerbSettings.WithDatabaseAsync(async source =>
    {
        var runs = new ReconcileRuns(source);
        if ((await runs.ListAsync(20, cancel)).FirstOrDefault(r => r.FinishedAt is not null) is not { } run)
            return await SayAsync("No comparison has ended yet.");
        Show(await runs.FindingsAsync(run.Id, cancel), json);
        await Console.Error.WriteLineAsync(
            $"Comparison {run.Id} ({run.Reason}), {run.Status} at {run.FinishedAt:u}: {run.Found} found in {run.Repositories} repositories, {run.Tags} tags"
            + (run.Message is { } message ? $"; {message}" : ""));
        return ExitCodes.Success;
    });

    private static string Summary(Site site, ReconcileReport r, bool dry)
    {
        var open = r.Findings.Count(f => f.Kind is not (FindingKind.Doubtful or FindingKind.Unreadable or FindingKind.Extra));
        var done = open == 0 ? "nothing was missed"
            : dry ? $"{open} differences; without --dry-run they are {(site.IsPrimary ? "appended to the log" : "copied again")}"
            : $"{open} differences, {(site.IsPrimary ? "appended to the log" : "marked to be copied again")}";
        return $"{r.Repositories} repositories, {r.Tags} tags read: {done}."
            + (r.Skipped > 0 ? $" {r.Skipped} were being worked on and are left to that." : "")
            + $" {r.OwnRequests} requests to the registry{(site.IsPrimary ? "" : $", {r.PeerRequests} to the primary")}.";
    }

    private static void Show(IReadOnlyList<Finding> findings, bool json)
    {
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(findings.Select(f => new { f.Repository, f.Tag, kind = Word(f.Kind), f.Known, f.Found }), s_json));
        else if (findings.Count > 0)
            Listing.Write(false, findings, ["repository", "tag", "what", "known", "found"],
                f => [f.Repository, f.Tag, Word(f.Kind), f.Known ?? "–", f.Found ?? "–"]);
    }

    private static string Word(FindingKind kind) => kind.ToString().ToLowerInvariant();

    private static async Task<DateTimeOffset> NowAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select clock_timestamp()");
        return new DateTimeOffset((DateTime)(await command.ExecuteScalarAsync(cancel))!);
    }

    private static async Task<int> SayAsync(string what)
    {
        await Console.Error.WriteLineAsync(what);
        return ExitCodes.Failed;
    }
}
