using GeoDR.Registry;
using GeoDR.SyncState;

namespace GeoDR.Sync;

/// <summary>The built-in engine: fills its slots with claimed repositories.</summary>
public sealed class SyncWorker(Claims claims, WorkerLease lease, SyncJobs jobs, int slots)
{
    /// <summary>Claims for the free slots and starts the work; true when anything was claimed.</summary>
    public async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        var (worker, lost) = lease.Current;
        return worker != Guid.Empty && await Sharing.FillAsync(slots, jobs.Count, jobs.Backfills, async (priority, atMost) =>
        {
            var claimed = await claims.ClaimAsync(worker, priority, atMost, cancel);
            foreach (var claim in claimed)
                _ = jobs.Start(claim, worker, priority == Transition.Backfill, lost, CancellationToken.None);
            return claimed.Count;
        });
    }
}

/// <summary>Hears what the jobs do; the host writes it to the log, tests listen.</summary>
public interface ISyncJournal
{
    Task FinishedAsync(ClaimedRepository claim, RepositoryState state, WorkCost cost);
    Task PeerOutAsync(ClaimedRepository claim, string peer, string message, WorkCost cost);
    void LeaseLost(string repository);
    /// <param name="lost">Bytes that had been sent.</param>
    void BeganAgain(string repository, Digest blob, long lost, string reason);
    Task BrokeAsync(ClaimedRepository claim, Exception exception, WorkCost cost);
}
