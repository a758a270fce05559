using Quartz;

namespace GeoDR.Schedules;

/// <summary>
/// What Quartz fires: the schedule of the job's name. Quartz only says when, and on which node; a job that a dead node had is fired again on
/// another one.
/// </summary>
[DisallowConcurrentExecution]
internal sealed class ScheduleJob(IEnumerable<ISchedule> schedules, ScheduleRunner runner, Timetable timetable) : IJob
{
    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken)
    {
        var name = context.JobDetail.Key.Name;
        if (schedules.FirstOrDefault(s => s.Name == name) is not { } schedule)
            return;
        var data = context.MergedJobDataMap;
        var cause = data.TryGetString(Timetable.CauseKey, out var said) ? said! : RunCause.Schedule;
        var by = data.TryGetString(Timetable.ByKey, out var who) ? who : null;
        Task NoteNextAsync() => timetable.NoteNextAsync(context.Scheduler, name, cancellationToken);
        if (await runner.RunAsync(schedule, cause, by, context.ScheduledFireTimeUtc ?? context.FireTimeUtc, NoteNextAsync, cancellationToken) is { } again)
            await timetable.AgainAsync(context.Scheduler, name, again, cancellationToken);
        await NoteNextAsync();
    }
}
