using GeoDR.Sync;
using GeoDR.SyncState;

namespace GeoDR.Deletion;

/// <summary>One claim in this worker's hands, and what it sent without an answer.</summary>
internal sealed record DeletionClaim(ClaimedRepository Claim, Guid Worker, OwnRepository Own)
{
    public HashSet<string> Unsure { get; } = new(StringComparer.Ordinal);

    public string Name => Claim.Name;
}

/// <summary>Sends a write or a deletion only while the lease outlasts it; one that was late all the same is looked at again.</summary>
internal sealed class LeaseGuard(WorkerLease lease, References references, TimeProvider time)
{
    /// <exception cref="LeaseLostException"/>
    /// <exception cref="TimeoutException">It was sent and not answered; it may still land.</exception>
    public async Task<T> SendAsync<T>(DeletionClaim work, string reference, Func<TimeSpan, CancellationToken, Task<T>> send, CancellationToken cancel)
    {
        var timeout = TimeSpan.FromSeconds(Math.Min(10, lease.Length.TotalSeconds / 2));
        while (lease.Left(work.Worker) is var left && left <= timeout)
        {
            if (left == TimeSpan.Zero)
                throw new LeaseLostException();
            await Task.Delay(TimeSpan.FromMilliseconds(50), time, cancel);
        }
        using var limit = new CancellationTokenSource(timeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancel);
        work.Unsure.Add(reference);
        T answer;
        try
        {
            answer = await send(timeout, both.Token);
        }
        catch (Registry.RegistryException e) when (e.Status is not null)
        {
            work.Unsure.Remove(reference);
            throw;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new TimeoutException($"the own registry did not answer within {timeout.TotalSeconds:0} s");
        }
        if (lease.Left(work.Worker) == TimeSpan.Zero)
        {
            await references.PutBackAsync(work.Claim.Id, reference, CancellationToken.None);
            throw new LeaseLostException();
        }
        work.Unsure.Remove(reference);
        return answer;
    }
}
