using GeoDR.Sync;
using Hangfire;

namespace GeoDR.Jobs;

/// <summary>One repository. Its outcome, and when it is tried again, are the row's matter: Hangfire repeats nothing.</summary>
[Queue(HangfireEngine.SyncQueue)]
[AutomaticRetry(Attempts = 0, OnAttemptsExceeded = AttemptsExceededAction.Delete)]
internal sealed class HangfireSync(SyncJobs jobs)
{
    /// <param name="name">For people who look at the queue.</param>
    /// <param name="cancel">Hangfire's own: the server stops, or somebody deleted the job.</param>
    [JobDisplayName("sync {1}")]
    public Task RunAsync(long repositoryId, string name, CancellationToken cancel) => jobs.RunAsync(repositoryId, cancel);
}

/// <summary>The schedules. What a dead node left is gone on with when they are asked for the next time.</summary>
[Queue(HangfireEngine.ScheduleQueue)]
[AutomaticRetry(Attempts = 0, OnAttemptsExceeded = AttemptsExceededAction.Delete)]
internal sealed class HangfireSchedules(QueuedSchedules schedules)
{
    [JobDisplayName("is {0} due?")]
    public Task FireAsync(string name, CancellationToken cancel) => schedules.FireAsync(name, cancel);

    [JobDisplayName("run {0} ({1})")]
    public Task RunAsync(string name, string cause, string? wantedBy, CancellationToken cancel) => schedules.RunAsync(name, cause, wantedBy, cancel);
}
