using GeoDR.Sync;
using GeoDR.SyncState;

namespace GeoDR.Hosting;

/// <summary>Writes every few seconds how far the started rows have come, shares the site's bandwidth, and forgets old attempts.</summary>
internal sealed class ProgressLoop(
    SyncWorker worker, WorkStore work, WorkerLease lease, Bandwidth bandwidth, ILogger<ProgressLoop> logger, TimeProvider time)
    : IntervalLoop(TimeSpan.FromSeconds(2), logger, time)
{
    private static readonly TimeSpan s_keepAttempts = TimeSpan.FromDays(30);
    private static readonly TimeSpan s_pruneEvery = TimeSpan.FromMinutes(10);

    private Dictionary<long, (long Done, long At)> _before = [];
    private long? _pruned;

    protected override string Name => "the progress";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        bandwidth.SharedBy(await lease.CountLivingAsync(cancel));
        var now = Time.GetTimestamp();
        var samples = worker.Progress.Where(p => p.Progress.BytesToDo > 0).Select(p => new ProgressSample(
            p.Claim, p.Progress.BytesDone, p.Progress.BytesToDo,
            _before.TryGetValue(p.Claim.Token, out var b) ? (p.Progress.BytesDone - b.Done) / Time.GetElapsedTime(b.At, now).TotalSeconds : 0)).ToList();
        _before = samples.ToDictionary(s => s.Claim.Token, s => (s.BytesDone, now));
        await work.WriteProgressAsync(samples, cancel);
        if (_pruned is { } at && Time.GetElapsedTime(at) < s_pruneEvery)
            return false;
        _pruned = await work.PruneAsync(s_keepAttempts, cancel) ? null : now;
        return false;
    }
}
