using GeoDR.Configuration;
using GeoDR.Readiness;

namespace GeoDR.Schedules;

/// <summary>(secondary) Tries what clients would get of this site. A run that a dead node left begins anew: the half of a drill says nothing.</summary>
internal sealed class DrillSchedule(DrillWork work, GeoSettings settings) : ISchedule
{
    public string Name => "drill";

    public TimeSpan Every => settings.Drill.Every;

    public string? Off => Every > TimeSpan.Zero ? null : "Geo:Drill:Every is 0";

    public async Task<ScheduleOutcome> RunAsync(RunningSchedule run, CancellationToken cancel)
    {
        var progress = "begun";
        var by = run.Run.WantedBy is { Length: > 0 } who ? who : "schedule";
        var drill = work.RunAsync(settings.Drill.Repositories, by, words =>
        {
            progress = words;
            return Task.CompletedTask;
        }, cancel);
        return await run.WaitAsync(async () =>
        {
            if (!drill.IsCompleted)
                return (null, progress);
            try
            {
                var ended = await drill;
                // A problem that was found is this drill's success, and the site's failure.
                return (new(ended.Report is { Passed: true } ? RunStatus.Done : RunStatus.Failed, ended.Outcome ?? ""), "");
            }
            catch (DrillLostException e)
            {
                return (ScheduleOutcome.Incomplete(e.Message), "");
            }
        }, cancel);
    }
}
