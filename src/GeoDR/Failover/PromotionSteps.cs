using System.Collections.Immutable;
using GeoDR.Configuration;
using GeoDR.EventLog;
using GeoDR.Hosting;
using GeoDR.Inventory;
using GeoDR.Reconcile;
using GeoDR.Registry;
using GeoDR.Sites;
using Npgsql;

namespace GeoDR.Failover;

/// <summary>A step could not be done; the message says why, and what to do.</summary>
internal sealed class StepFailedException(string message) : Exception(message);

/// <summary>What each step of a promotion does. Each can be done again.</summary>
internal sealed class PromotionSteps(GeoSettings settings, NpgsqlDataSource source, FailoverPeers peers, TimeProvider time) : IDisposable
{
    private const string Compare = "compare", Fence = "fence", Settle = "settle", Drain = "drain", Verify = "verify", Promote = "promote", Unfence = "unfence", Announce = "announce", Prove = "prove";

    private static readonly ImmutableList<string> s_planned = [Compare, Fence, Settle, Drain, Verify, Promote, Unfence, Announce, Prove];
    private static readonly ImmutableList<string> s_unplanned = [Promote, Unfence, Announce, Prove];
    private static readonly TimeSpan s_pace = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan s_fencedFor = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan s_comparedFor = TimeSpan.FromHours(6);
    private static readonly TimeSpan s_proof = TimeSpan.FromSeconds(15);

    private readonly FailoverRuns _runs = new(source);
    private readonly RegistryClient? _own = settings.Registry is { } own ? RegistryClients.Build(SyncState.Peers.OwnRegistry, own, settings, time) : null;

    /// <summary>In their order.</summary>
    public static ImmutableList<string> Of(bool planned) => planned ? s_planned : s_unplanned;

    /// <summary>A planned promotion that fails at this step leaves the primary what it was.</summary>
    public static bool CanBeUndone(string step) => s_planned.IndexOf(step) <= s_planned.IndexOf(Promote);

    public void Dispose() => _own?.Dispose();

    /// <returns>What the step came to, for the report.</returns>
    /// <exception cref="StepFailedException">And what else the sites and registries say.</exception>
    public Task<string> DoAsync(string step, FailoverRun run, Report report, CancellationToken cancel) => step switch
    {
        Compare => CompareAsync(run, report, cancel),
        Fence => FenceAsync(run, report, cancel),
        Settle => SettleAsync(run, report, cancel),
        Drain => DrainAsync(run, report, cancel),
        Verify => VerifyAsync(cancel),
        Promote => PromoteAsync(run, report, cancel),
        Unfence => UnfenceAsync(cancel),
        Announce => AnnounceAsync(report, cancel),
        _ => ProveAsync(cancel),
    };

    private async Task<string> FenceAsync(FailoverRun run, Report report, CancellationToken cancel)
    {
        var answer = await peers.FenceAsync(report.From!, new(run.Id), cancel);
        return answer.Refused is { } refused ? throw new StepFailedException($"{report.From} did not fence its clients: {refused}") : answer.Proof;
    }

    /// <summary>What the primary's registry never told is found by comparing it with the primary's inventory, while its clients still push.</summary>
    private async Task<string> CompareAsync(FailoverRun run, Report report, CancellationToken cancel)
    {
        // The primary may still be fenced for one that was undone when it did not answer.
        foreach (var undone in (await _runs.UndoneAsync(cancel)).Take(1))
            await peers.FenceAsync(report.From!, new(undone, Undo: true), cancel);
        return await UntilAsync(async () =>
        {
            var answer = await peers.FenceAsync(report.From!, new(run.Id, Prepare: true), cancel);
            return answer.Refused is { } refused ? throw new StepFailedException($"{report.From} does not hand over: {refused}")
                : Compared(report, answer) ? $"{report.From}'s registry holds what its log says" : null;
        }, s_comparedFor, () => StillCompared(report), cancel);
    }

    /// <summary>What was pushed between the comparison and the fence is in the log.</summary>
    private Task<string> SettleAsync(FailoverRun run, Report report, CancellationToken cancel) => UntilAsync(
        async () => await HoldAsync(run, report, cancel) is var answer && Compared(report, answer) ? answer.Settled : null, s_fencedFor, () => StillCompared(report), cancel);

    private static bool Compared(Report report, FenceAnswer answer) => answer.Compared.StartsWith("failed", StringComparison.Ordinal)
        ? throw new StepFailedException($"{report.From}'s registry could not be compared with its log: {answer.Compared}") : answer.Compared == "done";

    private static string StillCompared(Report report) => $"{report.From}'s registry is still being compared with its log";

    private Task<string> DrainAsync(FailoverRun run, Report report, CancellationToken cancel)
    {
        var left = "";
        return UntilAsync(async () =>
        {
            var answer = await HoldAsync(run, report, cancel);
            await using var command = source.CreateCommand("""
                select (select count(*) from repository where state in (0, 1)), (select count(*) from repository where state = 3),
                    (select count(*) from waiting_reference), (select event_id from cursor where log_id = $1),
                    (select count(*) from repository where paused and state in (0, 1))
                """);
            command.Parameters.Add(new() { Value = answer.LogId });
            await using var row = await command.ExecuteReaderAsync(cancel);
            await row.ReadAsync(cancel);
            var (open, failed, references, cursor) = (row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.IsDBNull(3) ? -1 : row.GetInt64(3));
            if (row.GetInt64(4) is > 0 and var paused && open == paused)
                throw new StepFailedException($"{paused} of the repositories that wait are paused: `geodr repository resume NAME` lets them go on, then promote again");
            if (failed > 0 && open == 0)
                throw new StepFailedException($"{failed} repositories failed, `geodr failures` says why: mend that and promote again, or promote with --unplanned and lose them");
            left = $"{open} repositories and {references} references wait, the log is read to event {cursor} of {answer.Head}";
            return open + references == 0 && cursor >= answer.Head ? $"everything up to event {answer.Head} is here" : null;
        }, s_fencedFor, () => left, cancel);
    }

    private async Task<string> VerifyAsync(CancellationToken cancel)
    {
        var report = await new FingerprintReconcile(peers.Primary, new PeerFingerprints(source, settings.Selection), new InventoryStore(source), settings.Selection, time)
            .RunAsync(act: false, cancel);
        var differ = report.Findings.Count(f => f.Kind == FindingKind.Differs);
        return differ == 0 ? "both sites hold the same tags"
            : throw new StepFailedException($"{differ} tags differ, {report.Findings.First(f => f.Kind == FindingKind.Differs).Repository} among them: `geodr reconcile` copies them, then promote again");
    }

    private async Task<string> PromoteAsync(FailoverRun run, Report report, CancellationToken cancel)
    {
        var key = settings.SiteKey?.Value ?? throw new StepFailedException("Geo:Site:KeyFile is missing: a term is signed with the site's key");
        // Who takes this up may come long after whoever left it here; done already, it is only said again.
        if (run.Planned && (await new SiteStore(source).ReadAsync(cancel))!.Promotion != run.Id)
            await HoldAsync(run, report, cancel);
        await new RoleChange(source, time).PromoteAsync(key, run.Id, run.AskedBy, cancel);
        var site = (await new SiteStore(source).ReadAsync(cancel))!;
        return $"{site.Name} is the primary in epoch {site.Epoch}";
    }

    private async Task<FenceAnswer> HoldAsync(FailoverRun run, Report report, CancellationToken cancel)
    {
        var answer = await peers.FenceAsync(report.From!, new(run.Id, Hold: true), cancel);
        return answer.Refused is { } refused ? throw new StepFailedException($"{report.From} does not keep its clients out: {refused}") : answer;
    }

    // From here on nothing is undone: what does not work is said, with what to do.
    private async Task<string> UnfenceAsync(CancellationToken cancel) => settings.Failover.UnfenceCommand.Count == 0
        ? "no Geo:Failover:UnfenceCommand is set: let clients in by the means that you have"
        : await HookCommand.RunAsync(settings.Failover.UnfenceCommand, cancel) is { } failed ? $"{failed}: run `geodr unfence`" : "clients are let in";

    private async Task<string> AnnounceAsync(Report report, CancellationToken cancel)
    {
        var heard = await peers.AnnounceAsync(cancel);
        var silent = heard.Where(h => !h.Answered).Select(h => h.Name).ToList();
        return heard.Count == 0 ? "no other site is known"
            : silent.Count == 0 ? $"told {string.Join(", ", heard.Select(h => h.Name))}"
            : $"{string.Join(", ", silent)} did not answer and will be told by the heartbeat{(silent.Contains(report.From ?? "") ? "; fence its clients if it may still live" : "")}";
    }

    private async Task<string> ProveAsync(CancellationToken cancel)
    {
        if (_own is null)
            return "Geo:Registry is not set: nothing was pushed to prove it";
        try
        {
            var digest = await Canary.PushAsync(_own, cancel);
            var begun = time.GetTimestamp();
            while (time.GetElapsedTime(begun) < s_proof)
            {
                await using var command = source.CreateCommand("select exists (select from event where repository = $1 and digest = $2)");
                command.Parameters.Add(new() { Value = SiteRelations.CanaryRepository });
                command.Parameters.Add(new() { Value = digest.ToString() });
                if ((bool)(await command.ExecuteScalarAsync(cancel))!)
                    return "the registry takes a push, gives it back, and GeoDR was notified of it";
                await Task.Delay(s_pace, time, cancel);
            }
            return "the registry takes a push and gives it back, and GeoDR was not notified of it: check the registry's notifications, and that `geodr serve` runs";
        }
        catch (RegistryException e)
        {
            return $"this site's registry did not take a push: {e.Message}";
        }
    }

    private async Task<string> UntilAsync(Func<Task<string?>> look, TimeSpan atMost, Func<string> last, CancellationToken cancel)
    {
        for (var begun = time.GetTimestamp(); ;)
        {
            if (await look() is { } outcome)
                return outcome;
            if (time.GetElapsedTime(begun) > atMost)
                throw new StepFailedException($"after {atMost.TotalMinutes:0} minutes {last()}{(atMost == s_fencedFor ? "; clients cannot be kept out for longer" : "")}");
            await Task.Delay(s_pace, time, cancel);
        }
    }
}
