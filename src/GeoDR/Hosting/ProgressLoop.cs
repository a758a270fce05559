using GeoDR.Sync;
using GeoDR.SyncState;

namespace GeoDR.Hosting;

/// <summary>Writes every few seconds how far the started rows have come, and shares the site's bandwidth.</summary>
internal sealed class ProgressLoop(
    SyncJobs jobs, WorkStore work, WorkerLease lease, Bandwidth bandwidth, ILogger<ProgressLoop> logger, TimeProvider time)
    : IntervalLoop(TimeSpan.FromSeconds(2), logger, time)
{
    private Dictionary<long, (long Done, long At)> _before = [];

    protected override string Name => "the progress";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        bandwidth.SharedBy(await lease.CountLivingAsync(cancel));
        var now = Time.GetTimestamp();
        var samples = jobs.Progress.Where(p => p.Progress.BytesToDo > 0).Select(p => new ProgressSample(
            p.Claim, p.Progress.BytesDone, p.Progress.BytesToDo,
            _before.TryGetValue(p.Claim.Token, out var b) ? (p.Progress.BytesDone - b.Done) / Time.GetElapsedTime(b.At, now).TotalSeconds : 0)).ToList();
        _before = samples.ToDictionary(s => s.Claim.Token, s => (s.BytesDone, now));
        await work.WriteProgressAsync(samples, cancel);
        return false;
    }
}
