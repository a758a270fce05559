using System.Collections.Concurrent;
using GeoDR.Registry;
using GeoDR.SyncState;
using Npgsql;

namespace GeoDR.Sync;

/// <summary>The work on one claimed repository: <see cref="RepositorySync.RunAsync"/>.</summary>
/// <param name="unsure">Takes the references whose write was sent and not answered.</param>
public delegate Task<WorkResult> RepositoryWork(ClaimedRepository claim, Guid worker, ICollection<string> unsure, SyncProgress progress, CancellationToken cancel);

/// <summary>
/// One repository from its claim to its outcome, whichever engine begins it. The lease ends the work, and so does a stop: then the row is
/// handed back and no attempt burns.
/// </summary>
public sealed class SyncJobs(Claims claims, WorkerLease lease, RepositoryWork work, TimeProvider time, ISyncJournal journal) : IDisposable
{
    private sealed record Running(Task Task, bool Backfill, ClaimedRepository Claim, SyncProgress Progress);

    private readonly ConcurrentDictionary<long, Running> _running = new();
    private readonly SemaphoreSlim _ended = new(0);
    private readonly CancellationTokenSource _stop = new();

    /// <summary>How many run now.</summary>
    public int Count => _running.Count;

    /// <summary>How many of these are of the lower priority.</summary>
    public int Backfills => _running.Values.Count(r => r.Backfill);

    /// <summary>What runs now, and how far it has come.</summary>
    public IEnumerable<(ClaimedRepository Claim, SyncProgress Progress)> Progress => _running.Values.Select(r => (r.Claim, r.Progress));

    /// <summary>Completes when one has ended.</summary>
    public Task EndedAsync(CancellationToken cancel) => _ended.WaitAsync(cancel);

    /// <summary>Claims one row and does its work. Returns at once where the row is not to be claimed: it was done, or another has it.</summary>
    /// <param name="cancel">Ends it like a stop.</param>
    public async Task RunAsync(long repositoryId, CancellationToken cancel)
    {
        var (worker, lost) = lease.Current;
        if (!_stop.IsCancellationRequested && await claims.ClaimPendingAsync(worker, repositoryId, cancel) is { } claim)
            await Start(claim, worker, backfill: false, lost, cancel);
    }

    /// <summary>Does the work of a claim.</summary>
    /// <param name="lost">Cancelled when the lease that it was claimed under is lost.</param>
    /// <returns>Its end; it does not fail.</returns>
    public Task Start(ClaimedRepository claim, Guid worker, bool backfill, CancellationToken lost, CancellationToken cancel = default)
    {
        // The row of a claim may come back while its last task still unwinds; the token tells them apart.
        var begin = new TaskCompletionSource();
        var progress = new SyncProgress();
        var task = WorkAsync(begin.Task, claim, worker, progress, lost, cancel);
        _running[claim.Token] = new(task, backfill, claim, progress);
        begin.SetResult();
        return task;
    }

    /// <summary>Ends what runs and waits until it has been handed back; nothing begins any more.</summary>
    public async Task StopAsync(CancellationToken cancel)
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running.Values.Select(r => r.Task)).WaitAsync(cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose()
    {
        _stop.Dispose();
        _ended.Dispose();
    }

    private async Task WorkAsync(Task begin, ClaimedRepository claim, Guid worker, SyncProgress progress, CancellationToken lost, CancellationToken cancel)
    {
        await begin;
        await Task.Yield();
        try
        {
            using var any = CancellationTokenSource.CreateLinkedTokenSource(lost, _stop.Token, cancel);
            await WorkAsync(claim, worker, progress, any.Token);
        }
        finally
        {
            _running.TryRemove(claim.Token, out _);
            _ended.Release();
        }
    }

    private async Task WorkAsync(ClaimedRepository claim, Guid worker, SyncProgress progress, CancellationToken cancel)
    {
        var started = time.GetTimestamp();
        var requests = RequestMeter.Begin();
        var unsure = new List<string>();
        try
        {
            var result = await work(claim, worker, unsure, progress, cancel);
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
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
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
