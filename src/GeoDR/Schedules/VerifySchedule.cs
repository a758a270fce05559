using GeoDR.Configuration;
using GeoDR.Dashboard;
using GeoDR.Sites;
using GeoDR.SyncState;
using GeoDR.Verification;

namespace GeoDR.Schedules;

/// <summary>Marks the next part of the repositories for a check, the oldest first, and waits until the workers have done it.</summary>
internal sealed class VerifySchedule(Slices slices, SiteStore sites, Outages outages, GeoSettings settings, TimeProvider time, bool deep) : ISchedule
{
    private const int Parts = 28;
    private static readonly TimeSpan s_shortest = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(1);

    public string Name => deep ? "verify-deep" : "verify";

    /// <summary>Every 6 hours where everything is to be looked at in a week, every day for a month.</summary>
    public TimeSpan Every => Whole / Parts < s_shortest ? s_shortest : Whole / Parts > s_longest ? s_longest : Whole / Parts;

    public string? Off => settings.Verification.Automatic ? null : "Geo:Verification:Automatic is false";

    // Within that everything is covered.
    private TimeSpan Whole => deep ? settings.Verification.DeepEvery : settings.Verification.Every;

    public async Task<ScheduleOutcome> RunAsync(RunningSchedule run, CancellationToken cancel)
    {
        var rows = await run.AskOnceAsync((connection, stop) => Slices.MarkAsync(connection, run.Run.Id, deep, Whole, Every, stop), cancel);
        if (rows == 0)
            return ScheduleOutcome.Done($"nothing is due: everything was {(deep ? "read and hashed" : "looked at")} within {Display.Age(Whole.TotalSeconds)}");
        return await run.WaitAsync(async () =>
        {
            var slice = await slices.ReadAsync(run.Run.Id, cancel);
            if (slice.Open == 0)
                return (ScheduleOutcome.Done(Counts(slice)), "");
            if (await sites.ReadAsync(cancel) is { Paused: true })
                return (Stopped(slice, "the sync is paused"), "");
            if ((await outages.ListAsync(cancel)).FirstOrDefault(o => o.Peer == Peers.OwnRegistry) is { } outage)
                return (Stopped(slice, $"the own registry is {outage.Kind}: {outage.Detail}"), "");
            // The next run takes over what is left then.
            if (time.GetUtcNow() - run.Run.StartedAt > Every * 0.9)
                return (Stopped(slice, $"not done within {Display.Age(Every.TotalSeconds * 0.9)}; Geo:Verification sets the budget"), "");
            return (null, Counts(slice));
        }, cancel);
    }

    private static ScheduleOutcome Stopped(SliceState slice, string why) =>
        ScheduleOutcome.Incomplete($"{why}; {Counts(slice)}; what is left stays marked and is checked as soon as that is possible");

    private static string Counts(SliceState s) =>
        $"{s.Succeeded + s.Failed} of {Display.Number(s.Rows, "repository", "repositories")} checked: {s.Succeeded} well, {s.Failed} failed, {Display.Bytes(s.Bytes)} read";
}
