using Quartz;

namespace GeoDR.Schedules;

/// <summary>How a process is known to the cluster.</summary>
internal static class ScheduleNode
{
    /// <summary>As runs name it.</summary>
    public static string Name { get; } = $"{Environment.MachineName}/{Environment.ProcessId}";

    /// <summary>In a container every process has the same name and number: the rest tells a restarted one from the dead.</summary>
    public static string Id { get; } = $"{Name}/{Guid.NewGuid():N}";
}

/// <summary>Keeps Quartz's jobs and triggers as the schedules and their settings want them.</summary>
internal sealed class Timetable(IEnumerable<ISchedule> schedules, ScheduleList list, TimeProvider time)
{
    public const string CauseKey = "cause";
    public const string ByKey = "by";

    private const string Group = "geodr";
    private const string RetryGroup = "geodr-retry";
    private const string HandGroup = "geodr-hand";

    /// <summary>Before the scheduler starts: what is new is added, what has another interval is moved, what is unknown vanishes.</summary>
    public async Task SetAsync(IScheduler scheduler, CancellationToken cancel)
    {
        await list.KeepAsync([.. schedules.Select(s => (s.Name, s.Every, s.Off))], cancel);
        foreach (var key in await scheduler.GetJobKeys(GroupMatcher<JobKey>.GroupEquals(Group), cancel))
            if (schedules.All(s => s.Name != key.Name))
                await scheduler.DeleteJob(key, cancel);
        foreach (var schedule in schedules)
        {
            await SetAsync(scheduler, schedule, cancel);
            await NoteNextAsync(scheduler, schedule.Name, cancel);
        }
    }

    /// <summary>Fires it once, now, on any node.</summary>
    public Task WishAsync(IScheduler scheduler, ScheduleWish wish, CancellationToken cancel) =>
        OnceAsync(scheduler, wish.Name, HandGroup, time.GetUtcNow(), new() { [CauseKey] = RunCause.Hand, [ByKey] = wish.By }, cancel);

    /// <summary>Fires it once more, sooner than its next time.</summary>
    public Task AgainAsync(IScheduler scheduler, string name, TimeSpan after, CancellationToken cancel) =>
        OnceAsync(scheduler, name, RetryGroup, time.GetUtcNow() + after, new() { [CauseKey] = RunCause.Retry }, cancel);

    /// <summary>Writes down when it fires next, for everyone who cannot ask Quartz.</summary>
    public Task NoteNextAsync(IScheduler scheduler, string name, CancellationToken cancel) => Patience.ThroughAsync(async () =>
    {
        var times = new[] { await NextAsync(scheduler, new(name, Group), cancel), await NextAsync(scheduler, new(name, RetryGroup), cancel) };
        await list.NextAsync(name, times.Min(), cancel);
    }, time, cancel);

    private async Task SetAsync(IScheduler scheduler, ISchedule schedule, CancellationToken cancel)
    {
        var job = JobBuilder.Create<ScheduleJob>().WithIdentity(schedule.Name, Group).StoreDurably().RequestRecovery().Build();
        await scheduler.AddJob(job, AddJobOptions.Replacing, cancel);
        var key = new TriggerKey(schedule.Name, Group);
        if (schedule.Off is not null || schedule.Every <= TimeSpan.Zero)
        {
            await scheduler.UnscheduleJob(key, cancel);
            await scheduler.UnscheduleJob(new(schedule.Name, RetryGroup), cancel);
            return;
        }
        // One that is kept knows what was missed while no node was up.
        if (await scheduler.GetTrigger(key, cancel) is ISimpleTrigger kept && kept.RepeatInterval == schedule.Every)
        {
            await scheduler.ResetTriggerFromErrorState(key, cancel);
            return;
        }
        var now = time.GetUtcNow();
        var first = (await list.LastDueAsync(schedule.Name, cancel) ?? now) + schedule.Every;
        await scheduler.ScheduleTrigger(TriggerBuilder.Create().WithIdentity(key).ForJob(schedule.Name, Group).StartAt(first > now ? first : now)
            .WithSchedule(SimpleScheduleBuilder.Create().WithInterval(schedule.Every).RepeatForever()
                .WithMisfireInstruction(SimpleTriggerMisfireInstruction.NowWithExistingCount))
            .Build(), TriggerConflict.Replace, cancel);
    }

    private static async Task OnceAsync(IScheduler scheduler, string name, string group, DateTimeOffset at, JobDataMap data, CancellationToken cancel) =>
        await scheduler.ScheduleTrigger(TriggerBuilder.Create().WithIdentity(name, group).ForJob(name, Group).StartAt(at).UsingJobData(data)
            .WithSchedule(SimpleScheduleBuilder.Create().WithMisfireInstruction(SimpleTriggerMisfireInstruction.FireNow)).Build(), TriggerConflict.Replace, cancel);

    private static async Task<DateTimeOffset?> NextAsync(IScheduler scheduler, TriggerKey key, CancellationToken cancel) =>
        (await scheduler.GetTrigger(key, cancel))?.NextFireTimeUtc;
}
