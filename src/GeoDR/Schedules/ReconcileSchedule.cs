using GeoDR.Configuration;
using GeoDR.Reconcile;
using GeoDR.Sites;

namespace GeoDR.Schedules;

/// <summary>Asks for a comparison and waits for its end; whichever node executes it.</summary>
internal sealed class ReconcileSchedule(ReconcileRuns runs, SiteStore sites, GeoSettings settings) : ISchedule
{
    private static readonly TimeSpan s_again = TimeSpan.FromMinutes(5);

    public string Name => "reconcile";

    public TimeSpan Every => settings.Reconcile.Every;

    public string? Off => Every > TimeSpan.Zero ? null : "Geo:Reconcile:Every is 0";

    public async Task<ScheduleOutcome> RunAsync(RunningSchedule run, CancellationToken cancel)
    {
        var reason = run.Run.WantedBy is { Length: > 0 } who ? $"asked for by {who}" : "schedule";
        var id = await run.AskOnceAsync((connection, stop) => ReconcileRuns.WantAsync(connection, reason, stop), cancel);
        return await run.WaitAsync(async () =>
        {
            if (await runs.GetAsync(id, cancel) is not { } comparison)
                return (new ScheduleOutcome(RunStatus.Failed, $"comparison {id} is gone"), "");
            if (comparison.FinishedAt is not null)
                return (Ended(comparison), "");
            if (await sites.ReadAsync(cancel) is { Paused: true } && comparison.Status == "wanted")
                return (ScheduleOutcome.Incomplete("the sync is paused; it is compared when that goes on"), "");
            return (null, comparison.Status == "wanted" ? "waits for a node to begin it" : Counts(comparison));
        }, cancel);
    }

    private ScheduleOutcome Ended(ReconcileRun c)
    {
        if (c.Status == "done")
            return ScheduleOutcome.Done(Counts(c));
        if (Every <= TimeSpan.Zero)
            return new(RunStatus.Failed, $"{c.Message}; {Counts(c)}");
        var again = Every < s_again ? Every : s_again;
        return new(RunStatus.Failed, $"{c.Message}; {Counts(c)}; it is tried again in {Dashboard.Display.Age(again.TotalSeconds)}", again);
    }

    private static string Counts(ReconcileRun c) =>
        $"{c.Repositories} repositories, {c.Tags} tags read; {c.Found} difference{(c.Found == 1 ? "" : "s")}; {c.OwnRequests} requests to the registry"
        + (c.PeerRequests > 0 ? $", {c.PeerRequests} to the primary" : "");
}
