using GeoDR.Inventory;
using GeoDR.Registry;
using GeoDR.Sync;
using GeoDR.SyncState;
using Npgsql;

namespace GeoDR.Deletion;

/// <summary>
/// Deletes what was approved, one repository at a time, under the same claim and lease as the writing of tags: nobody pushes there
/// meanwhile, and what is sent late is looked at again.
/// </summary>
public sealed class DeletionWork(
    RegistryClient own, PrimaryView primary, AbsenceCheck check, Claims claims, References references, DeletionQueue queue, DeletionWrites writes,
    InventoryStore inventory, BlobMemory memory, PeerProbe ownProbe, WorkerLease lease, TimeProvider time)
{
    private const int Batch = 100;

    private readonly LeaseGuard _guard = new(lease, references, time);
    private Removal? _removal;

    private Removal Remover => _removal ??= new(own, primary, _guard, writes);

    /// <summary>One repository with approved deletions; false when there is none.</summary>
    public async Task<bool> RunOnceAsync(DeletionPolicy policy, CancellationToken stop)
    {
        var (worker, lost) = lease.Current;
        if (worker == Guid.Empty || await queue.NextApprovedAsync(stop) is not { } id)
            return false;
        // A worker has it: again in a moment.
        if (await claims.ClaimOneAsync(worker, id, stop) is not { } claim)
            return true;
        var work = new DeletionClaim(claim, worker, new OwnRepository(own, inventory, claim.Name));
        using var either = CancellationTokenSource.CreateLinkedTokenSource(lost, stop);
        var ended = false;
        try
        {
            await WorkAsync(work, policy, either.Token);
            ended = work.Unsure.Count == 0;
        }
        catch (LeaseLostException)
        {
        }
        catch (OperationCanceledException) when (lost.IsCancellationRequested)
        {
        }
        finally
        {
            await UntilWrittenAsync(worker, () => ended
                ? claims.FinishAsync(claim, new WorkResult(null, null, false), Random.Shared.NextDouble(), CancellationToken.None)
                : claims.HandBackAsync(claim, work.Unsure, lease.Length, CancellationToken.None));
        }
        return true;
    }

    private async Task WorkAsync(DeletionClaim work, DeletionPolicy policy, CancellationToken cancel)
    {
        var rows = await queue.ApprovedAsync(work.Claim.Id, Batch, cancel);
        if (rows.Count == 0)
            return;
        var verdict = await check.JudgeAsync(rows, cancel);
        if (verdict.IsUnknown)
        {
            await queue.LaterAsync(rows, policy.ConfirmAfter, verdict.Why, cancel);
            return;
        }
        await queue.ReturnedAsync(verdict.Present, cancel);
        await check.HoldAsync(verdict, policy, cancel);
        // In the rows' own order: tags before manifests.
        var gone = verdict.Missing.Concat(verdict.ByWord).ToHashSet();
        foreach (var row in rows.Where(gone.Contains))
            await OneAsync(work, row, policy, cancel);
    }

    private async Task OneAsync(DeletionClaim work, DeletionRow row, DeletionPolicy policy, CancellationToken cancel)
    {
        try
        {
            var (known, oneOff, begun) = await writes.ExpectedAsync(row, cancel);
            if (await own.HeadManifestAsync(work.Name, row.Reference, cancel) is not { } here)
                await (begun is null ? writes.NothingHereAsync(row, cancel)
                    : writes.DoneAsync(row, begun, row.IsDigest, "by an earlier try, whose answer did not come", cancel));
            else if (!row.IsDigest && known is not null && here.ToString() != known && here.ToString() != oneOff)
                await queue.HoldAsync([row], Holds.Divergent, $"this registry holds {here}, GeoDR wrote {known}: somebody pushed here", null, cancel);
            else if (row.IsDigest && await work.Own.NeededByAsync(here, null, cancel) is { } needed)
                await queue.HoldAsync([row], Holds.Needed, needed, policy.ConfirmAfter * 10, cancel);
            else
                await RemoveAsync(work, row, here, here.ToString() == oneOff, cancel);
        }
        catch (Exception e) when (e is RegistryException or TimeoutException or MalformedManifestException or ManifestTooLargeException or WrongContentException)
        {
            await queue.LaterAsync([row], policy.ConfirmAfter, e.Message, cancel);
            if (e is RegistryException { Registry: Peers.OwnRegistry } failure && PeerProbe.Suspicious(failure))
                await ownProbe.IsOutAsync(work.Name, failure, cancel);
        }
    }

    private async Task RemoveAsync(DeletionClaim work, DeletionRow row, Digest here, bool isOneOff, CancellationToken cancel)
    {
        // As with a write: a successor learns from this what may still land.
        var taken = (await references.TakeTagsAsync(work.Claim, [row.Reference], cancel)).SingleOrDefault() ?? throw new LeaseLostException();
        if (taken.EventId > (row.EventId ?? 0))
        {
            await references.NotYetAsync(work.Claim, taken, TimeSpan.Zero, cancel);
            return;
        }
        if (!await writes.BeginAsync(work.Claim, row, here.ToString(), cancel))
        {
            await references.DoneAsync(work.Claim, taken, null, cancel);
            return;
        }
        var removed = await SendAsync(work, row, here, isOneOff, cancel);
        if (removed is null)
        {
            // It came back in the last moment.
            await writes.UndoAsync(work.Claim, row, here.ToString(), cancel);
            await queue.ReturnedAsync([row], cancel);
        }
        else if (removed.Hold is { } hold)
        {
            await writes.UndoAsync(work.Claim, row, here.ToString(), cancel);
            await queue.HoldAsync([row], hold, removed.Detail, null, cancel);
        }
        else
        {
            if (removed.Manifest)
                memory.Forget(work.Name, here);
            work.Own.Removed(row.IsDigest ? null : row.Reference, removed.Manifest ? here : null);
            // It is gone, whatever else is cancelled now.
            await writes.DoneAsync(row, here.ToString(), removed.Manifest, removed.Detail, CancellationToken.None);
        }
        await references.DoneAsync(work.Claim, taken, null, cancel);
    }

    /// <summary>Null where the tag came back in the last moment.</summary>
    private async Task<Removed?> SendAsync(DeletionClaim work, DeletionRow row, Digest here, bool isOneOff, CancellationToken cancel)
    {
        try
        {
            var removed = row.IsDigest ? await Remover.ManifestAsync(work, here, cancel) : await Remover.TagAsync(work, row, here, isOneOff, cancel);
            return removed.Hold is null && await own.HeadManifestAsync(work.Name, row.Reference, cancel) is not null
                ? new Removed(false, "this registry answered that it was deleted, and has it still", Holds.Refused) : removed;
        }
        catch (CameBackException)
        {
            return null;
        }
    }

    // While the lease lasts nobody else frees the row, so an outcome that the database did not take is sent again until it ends.
    private async Task UntilWrittenAsync(Guid worker, Func<Task> write)
    {
        while (true)
        {
            try
            {
                await write();
                return;
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException or InvalidOperationException)
            {
                if (lease.Left(worker) == TimeSpan.Zero)
                    return;
                await Task.Delay(TimeSpan.FromMilliseconds(200), time);
            }
        }
    }
}
