using System.CommandLine;
using System.Text.Json;
using GeoDR.Audit;
using GeoDR.Sites;
using GeoDR.Status;
using GeoDR.SyncState;
using GeoDR.Verification;
using Npgsql;

namespace GeoDR.Cli;

/// <summary>Has this site's processes look at what it holds, and waits for what they find.</summary>
internal static class VerifyVerb
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };
    private static readonly TimeSpan s_again = TimeSpan.FromMilliseconds(200);

    /// <summary>What was looked at and found.</summary>
    /// <param name="NotChecked">Repositories of which nothing can be said, and why.</param>
    private sealed record Report(
        long Repositories, long Tags, long Manifests, long Blobs, long Bytes, long Requests, IReadOnlyList<Damage> Damage, IReadOnlyList<string> NotChecked);

    public static Command Command()
    {
        var repository = new Option<string?>("--repository") { Description = "one repository; all where neither one nor a filter is given" };
        var deep = new Option<bool>("--deep") { Description = "read every stored manifest and blob, and hash it" };
        var json = new Option<bool>("--json") { Description = "nothing but JSON on stdout" };
        var filter = new FilterOptions();
        var command = filter.AddTo(new Command("verify", "(secondary) have the site's processes look at what its registry holds, ahead of all other checks, compare it with the primary, and wait; exits 1 when something is missing, damaged or could not be checked") { repository, deep, json });
        command.SetAction((p, cancel) => RunAsync(p.GetValue(repository), filter.Read(p), p.GetValue(deep), p.GetValue(json), cancel));
        return command;
    }

    private static Task<int> RunAsync(string? repository, RowFilter filter, bool deep, bool json, CancellationToken cancel) => VerbSettings.WithDatabaseAsync(async source =>
    {
        if (await new StatusReader(source, TimeProvider.System).ReadAsync(cancel) is not { Role: Site.Secondary } site)
            return await FailAsync("Only a secondary holds copies; run this at the secondary site.");
        if (site.Workers == 0)
            return await FailAsync("No worker is alive to look: start `geodr serve` or `geodr worker`.");
        var checks = new Checks(source);
        var (marked, mark) = await checks.AskAsync(repository, filter, deep, cancel);
        if (marked == 0 && repository is not null && filter.IsEmpty)
            return await FailAsync($"There is no repository {repository} here.");
        if (marked == 0 && !filter.IsEmpty)
            return await FailAsync("No repository here matches.");
        await new AuditLog(source).NoteAsync(Shell.User, Requests.Reverify, repository, null, deep ? AuditWords.Deep : null, cancel);
        var outages = new Outages(source);
        var stopped = await LongWork.ShowAsync("Checking", async report =>
        {
            while (await checks.WaitingAsync(mark, cancel) is > 0 and var waiting)
            {
                report(Math.Max(0, marked - waiting), marked, $"{marked - waiting} of {marked} repositories checked");
                if ((await outages.ListAsync(cancel)).FirstOrDefault(o => o.Peer == Peers.OwnRegistry) is { } outage)
                    return outage;
                await Task.Delay(s_again, TimeProvider.System, cancel);
            }
            return null;
        });
        if (stopped is not null)
            return await FailAsync($"The own registry is {stopped.Kind}, the check goes on when it is back: {stopped.Detail}");
        var report = await ReadAsync(source, repository, new(Search: filter.Search), mark, cancel);
        await ShowAsync(report, json);
        return report.Damage.Count + report.NotChecked.Count == 0 ? ExitCodes.Success : ExitCodes.Failed;
    });

    // What a check changes itself is no longer as it was asked for: what is known is that it was looked at since.
    private static async Task<Report> ReadAsync(NpgsqlDataSource source, string? repository, RowFilter filter, DateTimeOffset mark, CancellationToken cancel)
    {
        var damage = (await new DamageList(source).SeenSinceAsync(mark, repository, cancel))
            .Where(d => filter.Search is null || d.Repository.Contains(filter.Search, StringComparison.Ordinal)).ToList();
        var outcome = await new Checks(source).OutcomeAsync(repository, filter, mark, cancel);
        var c = outcome.Counts;
        return new(outcome.Repositories, c.Tags, c.Manifests, c.Blobs, c.Bytes, c.Requests, damage, outcome.NotChecked);
    }

    private static async Task ShowAsync(Report r, bool json)
    {
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(r, s_json));
        else if (r.Damage.Count > 0)
            Listing.Write(false, r.Damage, ["REPOSITORY", "FOUND", "WHAT", "NEXT"], d => [d.Repository, d.Kind, d.Detail, d.Next]);
        foreach (var problem in r.NotChecked)
            await Console.Error.WriteLineAsync(problem);
        await Console.Error.WriteLineAsync(
            $"{r.Repositories} repositories, {r.Tags} tags, {r.Manifests} manifests, {r.Blobs} blobs, {r.Bytes} bytes read, {r.Requests} requests: "
            + (r.Damage.Count == 0 ? "nothing missing or damaged." : $"{r.Damage.Count} missing or damaged."));
    }

    private static async Task<int> FailAsync(string words)
    {
        await Console.Error.WriteLineAsync(words);
        return ExitCodes.Failed;
    }
}
