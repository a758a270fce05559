using Hangfire;
using Hangfire.Common;
using Hangfire.Storage;

namespace GeoDR.Jobs;

/// <summary>Puts keys into Hangfire's queues.</summary>
internal sealed class HangfireQueue(IBackgroundJobClient client, IRecurringJobManager recurring, JobStorage storage) : IJobQueue
{
    // Others may have jobs of their own here.
    private const string Prefix = "geodr-";

    public void Sync(long repositoryId, string name) => client.Enqueue<HangfireSync>(job => job.RunAsync(repositoryId, name, CancellationToken.None));

    public void Run(string schedule, string cause, string? wantedBy, TimeSpan after)
    {
        if (after > TimeSpan.Zero)
            client.Schedule<HangfireSchedules>(job => job.RunAsync(schedule, cause, wantedBy, CancellationToken.None), after);
        else
            client.Enqueue<HangfireSchedules>(job => job.RunAsync(schedule, cause, wantedBy, CancellationToken.None));
    }

    public void Recur(IReadOnlyList<string> schedules)
    {
        foreach (var name in schedules)
            recurring.AddOrUpdate(Prefix + name, Job.FromExpression<HangfireSchedules>(job => job.FireAsync(name, CancellationToken.None)), Cron.Minutely(), new RecurringJobOptions());
        using var connection = storage.GetConnection();
        foreach (var gone in connection.GetRecurringJobs().Where(j => j.Id.StartsWith(Prefix, StringComparison.Ordinal) && !schedules.Contains(j.Id[Prefix.Length..])))
            recurring.RemoveIfExists(gone.Id);
    }
}
