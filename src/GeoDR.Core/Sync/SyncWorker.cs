using GeoDR.Registry;
using System.Collections.Concurrent;
using GeoDR.SyncState;
using Npgsql;

namespace GeoDR.Sync;

/// <summary>
/// Fills its slots with claimed repositories. Fresh pushes may take every slot, backfill all but one, and one backfill at
/// least goes on: neither keeps the other waiting.
/// </summary>
public sealed class SyncWorker(
    Claims claims, WorkerLease lease, RepositorySync sync, int slots, TimeProvider time, ISyncJournal journal)
{
    private sealed record Running(Task Task, bool Backfill, ClaimedRepository Claim, SyncProgress Progress);

    private readonly ConcurrentDictionary<long, Running> _running = new();
    private readonly SemaphoreSlim _ended = new(0);

    /// <summary>Completes when a slot becomes free.</summary>
    public Task SlotFreedAsync(CancellationToken cancel) => _ended.WaitAsync(cancel);

    /// <summary>What runs now, and how far it has come.</summary>
    public IEnumerable<(ClaimedRepository Claim, SyncProgress Progress)> Progress => _running.Values.Select(r => (r.Claim, r.Progress));

    /// <summary>Claims for the free slots and starts the work; true when anything was claimed.</summary>
    public async Task<bool> RunOnceAsync(CancellationToken stop)
    {
        var (worker, lost) = lease.Current;
        var free = slots - _running.Count;
        if (worker == Guid.Empty || free <= 0)
            return false;
        var backfills = _running.Values.Count(r => r.Backfill);
        var mostBackfills = Math.Max(1, slots - 1);
        var claimed = 0;
        if (backfills == 0 && slots > 1)
            claimed += await StartAsync(worker, Transition.Backfill, 1, lost, stop);
        if (free - claimed > 0)
            claimed += await StartAsync(worker, Transition.Fresh, free - claimed, lost, stop);
        var room = Math.Min(free - claimed, mostBackfills - _running.Values.Count(r => r.Backfill));
        if (room > 0)
            claimed += await StartAsync(worker, Transition.Backfill, room, lost, stop);
        return claimed > 0;
    }

    /// <summary>Waits until everything started has ended; after <c>stop</c> was cancelled that means: was handed back.</summary>
    public Task DrainAsync() => Task.WhenAll(_running.Values.Select(r => r.Task));

    private async Task<int> StartAsync(Guid worker, int priority, int atMost, CancellationToken lost, CancellationToken stop)
    {
        var claimed = await claims.ClaimAsync(worker, priority, atMost, stop);
        foreach (var claim in claimed)
        {
            // The row of a claim may come back while its last task still unwinds; the token tells them apart.
            var begin = new TaskCompletionSource();
            var progress = new SyncProgress();
            _running[claim.Token] = new(WorkAsync(begin.Task, claim, worker, progress, lost, stop), priority == Transition.Backfill, claim, progress);
            begin.SetResult();
        }
        return claimed.Count;
    }

    private async Task WorkAsync(Task begin, ClaimedRepository claim, Guid worker, SyncProgress progress, CancellationToken lost, CancellationToken stop)
    {
        await begin;
        await Task.Yield();
        try
        {
            await WorkAsync(claim, worker, progress, lost, stop);
        }
        finally
        {
            _running.TryRemove(claim.Token, out _);
            _ended.Release();
        }
    }

    private async Task WorkAsync(ClaimedRepository claim, Guid worker, SyncProgress progress, CancellationToken lost, CancellationToken stop)
    {
        var started = time.GetTimestamp();
        var requests = RequestMeter.Begin();
        var unsure = new List<string>();
        using var either = CancellationTokenSource.CreateLinkedTokenSource(lost, stop);
        try
        {
            var result = await sync.RunAsync(claim, worker, unsure, progress, either.Token);
            var state = await UntilWrittenAsync(worker, () => claims.FinishAsync(claim, result, Random.Shared.NextDouble(), CancellationToken.None));
            if (state is { } ended)
                await journal.FinishedAsync(claim, ended, Cost());
            return;
        }
        catch (PeerOutException e)
        {
            await journal.PeerOutAsync(claim, e.Peer, e.Message, Cost());
        }
        catch (LeaseLostException)
        {
            journal.LeaseLost(claim.Name);
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
        }
        catch (Exception e)
        {
            await journal.BrokeAsync(claim, e, Cost());
        }
        await UntilWrittenAsync(worker, async () =>
        {
            await claims.HandBackAsync(claim, unsure, lease.Length, CancellationToken.None);
            return true;
        });

        WorkCost Cost() => new(time.GetElapsedTime(started), progress.BytesDone, requests.Count);
    }

    // While the lease lasts nobody else frees the row, so an outcome that the database did not take is sent again until it ends.
    private async Task<T?> UntilWrittenAsync<T>(Guid worker, Func<Task<T>> write)
    {
        while (true)
        {
            try
            {
                return await write();
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException or InvalidOperationException)
            {
                if (lease.Left(worker) == TimeSpan.Zero)
                    return default;
                await Task.Delay(TimeSpan.FromMilliseconds(200), time);
            }
        }
    }
}

/// <summary>Hears what the worker does; the host writes it to the log, tests listen.</summary>
public interface ISyncJournal
{
    Task FinishedAsync(ClaimedRepository claim, RepositoryState state, WorkCost cost);
    Task PeerOutAsync(ClaimedRepository claim, string peer, string message, WorkCost cost);
    void LeaseLost(string repository);
    /// <param name="lost">Bytes that had been sent.</param>
    void BeganAgain(string repository, Digest blob, long lost, string reason);
    Task BrokeAsync(ClaimedRepository claim, Exception exception, WorkCost cost);
}
