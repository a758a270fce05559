using Quartz;

namespace GeoDR.Schedules;

/// <summary>
/// What Quartz fires: the schedule of the job's name. The row of the run is the truth of what became of it; Quartz only says when, and on
/// which node. A job that a dead node had is fired again on another one, and goes on with the open row.
/// </summary>
[DisallowConcurrentExecution]
internal sealed partial class ScheduleJob(IEnumerable<ISchedule> schedules, ScheduleRuns runs, Timetable timetable, ILogger<ScheduleJob> logger, TimeProvider time) : IJob
{
    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken)
    {
        var name = context.JobDetail.Key.Name;
        if (schedules.FirstOrDefault(s => s.Name == name) is not { } schedule)
            return;
        var data = context.MergedJobDataMap;
        var scheduled = context.ScheduledFireTimeUtc ?? context.FireTimeUtc;
        var cause = data.TryGetString(Timetable.CauseKey, out var said) ? said! : RunCause.Schedule;
        var by = data.TryGetString(Timetable.ByKey, out var who) ? who : null;
        var every = schedule.Off is null ? schedule.Every : TimeSpan.Zero;
        var run = new RunningSchedule(
            await Patience.ThroughAsync(() => runs.BeginAsync(name, cause, by, ScheduleNode.Name, scheduled, every, cancellationToken), time, cancellationToken), runs, time);
        if (run.Run.Nodes.Count > 1)
            LogRecovered(logger, name, run.Run.Nodes[^2]);
        try
        {
            await timetable.NoteNextAsync(context.Scheduler, name, cancellationToken);
            var outcome = await RunAsync(schedule, run, cancellationToken);
            await run.EndAsync(outcome, cancellationToken);
            LogEnded(logger, name, outcome.Status, outcome.Text);
            if (outcome.Again is { } again)
                await timetable.AgainAsync(context.Scheduler, name, again, cancellationToken);
            await timetable.NoteNextAsync(context.Scheduler, name, cancellationToken);
        }
        catch (RunLostException e)
        {
            LogLost(logger, e.Message);
        }
    }

    private static async Task<ScheduleOutcome> RunAsync(ISchedule schedule, RunningSchedule run, CancellationToken cancel)
    {
        try
        {
            return await schedule.RunAsync(run, cancel);
        }
        // Stopped by a shutdown, Quartz gives it to another node; the row stays open for that.
        catch (Exception e) when (e is not RunLostException && !cancel.IsCancellationRequested)
        {
            return new(RunStatus.Failed, e.Message);
        }
    }

    [LoggerMessage(240, LogLevel.Information, "The schedule {Schedule} ran ({Status}): {Outcome}")]
    private static partial void LogEnded(ILogger logger, string schedule, string status, string outcome);

    [LoggerMessage(241, LogLevel.Warning, "This node goes on with the run of the schedule {Schedule} that {Node} left")]
    private static partial void LogRecovered(ILogger logger, string schedule, string node);

    [LoggerMessage(242, LogLevel.Warning, "This node was silent for too long: {Reason}")]
    private static partial void LogLost(ILogger logger, string reason);
}
