using GeoDR.Hosting;
using Quartz;

namespace GeoDR.Schedules;

/// <summary>Runs this process's part of the cluster of schedulers, and hands it the wishes for a run now.</summary>
internal sealed class SchedulerLoop(ISchedulerFactory factory, Timetable timetable, ScheduleList list, ILogger<SchedulerLoop> logger, TimeProvider time)
    : IntervalLoop(TimeSpan.FromSeconds(1), logger, time)
{
    private IScheduler? _scheduler;
    private bool _started;

    protected override string Name => "the scheduler";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        _scheduler ??= await factory.GetScheduler(cancel);
        if (!_started)
        {
            await timetable.SetAsync(_scheduler, cancel);
            await _scheduler.Start(cancel);
            _started = true;
        }
        await list.TakeWishesAsync(wish => timetable.WishAsync(_scheduler, wish, cancel), cancel);
        return false;
    }

    // What runs here is handed to another node, or to this one's next start.
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (_scheduler is not null)
            await _scheduler.Shutdown(waitForJobsToComplete: true, cancellationToken);
    }
}
