using GeoDR.Dashboard;
using GeoDR.Retention;

namespace GeoDR.Schedules;

/// <summary>Removes what was kept long enough. A run that a dead node left goes on where that was: what is removed is removed.</summary>
internal sealed class RetentionSchedule(RetentionPass retention, TimeProvider time) : ISchedule
{
    public string Name => "retention";

    public TimeSpan Every => TimeSpan.FromMinutes(10);

    public string? Off => null;

    public async Task<ScheduleOutcome> RunAsync(RunningSchedule run, CancellationToken cancel)
    {
        // A database that went away meanwhile: what is removed is removed, the pass begins again for the rest.
        var work = Patience.ThroughAsync(() => retention.RunAsync(cancel), time, cancel);
        return await run.WaitAsync(async () =>
        {
            if (!work.IsCompleted)
                return (null, "removing what was kept long enough");
            var tables = await work;
            return (ScheduleOutcome.Done(tables is null ? "another node was at it" : tables.Count == 0 ? "nothing was kept long enough to go"
                : $"removed {string.Join(", ", tables.Select(t => $"{Display.Number(t.Removed, "row", "rows")} of {t.Table}"))}"), "");
        }, cancel);
    }
}
