using GeoDR.Hosting;
using GeoDR.Schedules;

namespace GeoDR.Jobs;

/// <summary>
/// The schedules on an engine with a queue of its own. The rows of the runs say what is due, what runs and what a dead node left; the engine
/// only asks, once a minute.
/// </summary>
internal sealed class QueuedSchedules(
    ScheduleRunner runner, IEnumerable<ISchedule> schedules, ScheduleList list, ScheduleRuns runs, IJobQueue queue, TimeProvider time)
{
    // Three signs of life (RunningSchedule) and one more.
    private static readonly TimeSpan s_silent = TimeSpan.FromSeconds(20);

    /// <summary>Before anything is asked: the list that people see is that of this process, and so is what recurs.</summary>
    public async Task KeepAsync(CancellationToken cancel)
    {
        await list.KeepAsync([.. schedules.Select(s => (s.Name, s.Every, s.Off))], cancel);
        queue.Recur([.. schedules.Where(IsOn).Select(s => s.Name)]);
    }

    /// <summary>Begins a run of it if that is due, or goes on with the one that a dead node left.</summary>
    public async Task FireAsync(string name, CancellationToken cancel)
    {
        if (schedules.FirstOrDefault(s => s.Name == name) is not { } schedule || !IsOn(schedule))
            return;
        var now = time.GetUtcNow();
        var last = await list.LastDueAsync(name, cancel) ?? now;
        // However many times were missed, the last of them is made up.
        var due = last + (schedule.Every * Math.Floor((now - last) / schedule.Every));
        await list.NextAsync(name, due + schedule.Every, cancel);
        var newest = await NewestAsync(name, cancel);
        if (newest is { FinishedAt: null } ? now - newest.SeenAt > s_silent : due > last)
            await RunAsync(schedule, RunCause.Schedule, null, due, cancel);
    }

    /// <summary>Runs it once, for somebody who wishes it or after a failure; later where one is under way.</summary>
    public async Task RunAsync(string name, string cause, string? wantedBy, CancellationToken cancel)
    {
        if (schedules.FirstOrDefault(s => s.Name == name) is not { } schedule)
            return;
        if (await NewestAsync(name, cancel) is { FinishedAt: null } open && time.GetUtcNow() - open.SeenAt <= s_silent)
            queue.Run(name, cause, wantedBy, s_silent);
        else
            await RunAsync(schedule, cause, wantedBy, time.GetUtcNow(), cancel);
    }

    private async Task RunAsync(ISchedule schedule, string cause, string? wantedBy, DateTimeOffset scheduled, CancellationToken cancel)
    {
        if (await runner.RunAsync(schedule, cause, wantedBy, scheduled, () => Task.CompletedTask, cancel) is { } again)
            queue.Run(schedule.Name, RunCause.Retry, null, again);
    }

    private static bool IsOn(ISchedule schedule) => schedule.Off is null && schedule.Every > TimeSpan.Zero;

    private async Task<ScheduleRun?> NewestAsync(string name, CancellationToken cancel) => (await runs.ListAsync(name, 1, cancel)).SingleOrDefault();
}

/// <summary>Hands wishes for a run now to the queue.</summary>
internal sealed class WishLoop(QueuedSchedules schedules, ScheduleList list, IJobQueue queue, ILogger<WishLoop> logger, TimeProvider time)
    : IntervalLoop(TimeSpan.FromSeconds(1), logger, time)
{
    private bool _kept;

    protected override string Name => "the wishes for schedules";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        if (!_kept)
            await schedules.KeepAsync(cancel);
        _kept = true;
        await list.TakeWishesAsync(wish =>
        {
            queue.Run(wish.Name, RunCause.Hand, wish.By, TimeSpan.Zero);
            return Task.CompletedTask;
        }, cancel);
        return false;
    }
}
