using System.Collections.Concurrent;
using GeoDR.Inventory;
using GeoDR.Registry;
using GeoDR.Selection;
using GeoDR.SyncState;

namespace GeoDR.Sync;

/// <summary>The worker's lease ended: somebody else may have the row, so nothing more is written.</summary>
public sealed class LeaseLostException() : Exception("the worker's lease ended");

/// <summary>
/// The work on one claimed repository: the references that wait, then, if it is wanted, the difference of all tags. An event
/// is a hint; what is copied is what the primary's registry says now.
/// </summary>
public sealed class RepositorySync(
    RegistryClient source, RegistryClient target, ImageCopy copy, ReferrerCopy referrers, BlobMemory memory, InventoryStore inventory, References references,
    PeerProbe sourceProbe, PeerProbe targetProbe, WorkerLease lease, SiteSelection selection, TimeProvider time, ListedTags listings)
{
    private const int TagsAtOnce = 4;
    private static readonly TimeSpan s_freshCheck = TimeSpan.FromMilliseconds(200);

    /// <summary>One run's state: which writes are unanswered, and whether anything failed.</summary>
    private sealed class Run(ClaimedRepository claim, Guid worker, SyncProgress progress)
    {
        public ClaimedRepository Claim => claim;
        public Guid Worker => worker;
        public ConcurrentDictionary<string, bool> Unsure { get; } = new(StringComparer.Ordinal);
        public bool AnyFailed { get; set; }
        public SyncProgress Progress { get; } = progress;
        public long LastFreshCheck;
    }

    /// <summary>Does the work.</summary>
    /// <param name="unsure">Receives the references whose write was sent and not answered.</param>
    /// <exception cref="PeerOutException">A registry is out; nothing was counted as a failure.</exception>
    /// <exception cref="LeaseLostException"/>
    public async Task<WorkResult> RunAsync(ClaimedRepository claim, Guid worker, ICollection<string> unsure, SyncProgress progress, CancellationToken cancel)
    {
        var run = new Run(claim, worker, progress) { LastFreshCheck = time.GetTimestamp() };
        try
        {
            if (selection.Map.IsTaken(claim.Name))
                return await RefuseAsync(run, new NameTakenException($"Geo:Filter:Map puts other repositories where {claim.Name} would stand; map it too, or exclude it"), cancel);
            if (claim.HasDamage)
                memory.Distrust(claim.Name, (await inventory.DamagedAsync(claim.Id, cancel)).Select(Digest.Parse));
            await WaitingAsync(run, cancel);
            if (!claim.WantsFull)
                return new WorkResult(null, null, run.AnyFailed);
            var failure = await FullAsync(run, cancel);
            await WaitingAsync(run, cancel);
            return new WorkResult(failure is null ? claim.FullWanted : null, failure, run.AnyFailed);
        }
        finally
        {
            memory.IsNoLongerAbsent(claim.Name);
            foreach (var reference in run.Unsure.Keys)
                unsure.Add(reference);
        }
    }

    private async Task<WorkResult> RefuseAsync(Run run, Exception why, CancellationToken cancel)
    {
        while (await references.TakeDueAsync(run.Claim, cancel) is { Count: > 0 } due)
            foreach (var reference in due)
                await FailedAsync(run, reference, why, cancel);
        return new WorkResult(null, run.Claim.WantsFull ? Failures.Of(why) : null, true);
    }

    private async Task WaitingAsync(Run run, CancellationToken cancel)
    {
        while (await references.TakeDueAsync(run.Claim, cancel) is { Count: > 0 } due)
            await Parallel.ForEachAsync(due, Options(cancel), async (reference, stop) => await ReferenceAsync(run, reference, stop));
    }

    /// <summary>The difference of all tags; answers why it could not be had. One bad tag does not stop the others.</summary>
    private async Task<Failure?> FullAsync(Run run, CancellationToken cancel)
    {
        var name = run.Claim.Name;
        var known = await inventory.TagsAsync(name, cancel);
        var tags = new List<string>();
        HashSet<string> present;
        try
        {
            await foreach (var page in source.ListTagsAsync(name, cancel))
                tags.AddRange(page.Where(selection.TakesReference));
            // Without a memory the own registry is asked once what it holds, so that an empty one costs no request for each tag.
            present = known.Count > 0 || tags.Count == 0 ? [] : await OwnTagsAsync(name, cancel);
        }
        catch (RegistryException e) when (e.Status == System.Net.HttpStatusCode.NotFound)
        {
            // The repository has no tags; that alone deletes nothing here.
            await listings.CompareAsync(run.Claim, [], [.. known.Keys.Where(selection.TakesReference)], cancel);
            return null;
        }
        catch (RegistryException e)
        {
            await ThrowIfOutAsync(run, e, cancel);
            return Failures.Of(e);
        }
        await listings.CompareAsync(run.Claim, tags, [.. known.Keys.Where(selection.TakesReference).Except(tags)], cancel);
        await Parallel.ForEachAsync(tags, Options(cancel), async (tag, stop) =>
        {
            await TakeInFreshAsync(run, stop);
            await TagAsync(run, tag, known.GetValueOrDefault(tag), present.Contains(tag), stop);
        });
        return null;
    }

    private async Task<HashSet<string>> OwnTagsAsync(string name, CancellationToken cancel)
    {
        var present = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            await foreach (var page in target.ListTagsAsync(name, cancel))
                present.UnionWith(page);
        }
        catch (RegistryException e) when (e.Status == System.Net.HttpStatusCode.NotFound)
        {
            memory.IsAbsent(name);
        }
        return present;
    }

    private async Task TagAsync(Run run, string tag, string? known, bool present, CancellationToken cancel)
    {
        if (known is not null && await SameAsync(run, tag, known, cancel))
        {
            await ReferrersAsync(run, tag, known, cancel);
            return;
        }
        foreach (var reference in await references.TakeTagsAsync(run.Claim, [tag], cancel))
            await ReferenceAsync(run, present || known is not null ? reference with { Recheck = true } : reference, cancel);
    }

    /// <summary>Both registries are asked: a full sync is what an operator turns to when the inventory is not to be trusted.</summary>
    private async Task<bool> SameAsync(Run run, string tag, string known, CancellationToken cancel)
    {
        try
        {
            var (here, there) = (target.FindManifestAsync(run.Claim.Name, tag, cancel), source.HeadManifestAsync(run.Claim.Name, tag, cancel));
            await Task.WhenAll(here, there);
            return (await here)?.ToString() == known && (await there is not { } digest || digest.ToString() == known);
        }
        catch (RegistryException)
        {
            // The reference's own reading meets the same error and says so.
            return false;
        }
    }

    /// <summary>What refers to a manifest can be new although the tag is not; its failure is the tag's.</summary>
    private async Task ReferrersAsync(Run run, string tag, string digest, CancellationToken cancel)
    {
        try
        {
            if (await source.ListReferrersAsync(run.Claim.Name, Digest.Parse(digest), cancel) is not null
                && await source.GetManifestAsync(run.Claim.Name, digest, cancel) is { } manifest)
                await ReferrersAsync(run, manifest, cancel);
        }
        catch (Exception e) when (e is RegistryException or NestedTooDeepException or MalformedManifestException or WrongContentException or SparseIndexException or LeftOutException)
        {
            foreach (var reference in await references.TakeTagsAsync(run.Claim, [tag], cancel))
                await FailedAsync(run, reference, e, cancel);
        }
    }

    private Task ReferrersAsync(Run run, Manifest manifest, CancellationToken cancel) => referrers.CopyAsync(
        run.Claim.Name, manifest, run.Progress, (tag, index, stop) => GuardedPutAsync(run, tag, index, stop), cancel);

    // A long full sync must not keep a fresh push waiting.
    private async Task TakeInFreshAsync(Run run, CancellationToken cancel)
    {
        var last = Interlocked.Read(ref run.LastFreshCheck);
        if (time.GetElapsedTime(last) < s_freshCheck
            || Interlocked.CompareExchange(ref run.LastFreshCheck, time.GetTimestamp(), last) != last)
            return;
        foreach (var reference in await references.TakeDueAsync(run.Claim, cancel))
            await ReferenceAsync(run, reference, cancel);
    }

    private async Task ReferenceAsync(Run run, WaitingReference reference, CancellationToken cancel)
    {
        try
        {
            await CopyReferenceAsync(run, reference, cancel);
            sourceProbe.Worked();
            targetProbe.Worked();
        }
        catch (Exception e) when (e is not (LeaseLostException or PeerOutException or Npgsql.NpgsqlException) && !cancel.IsCancellationRequested)
        {
            await FailedAsync(run, reference, e, cancel);
        }
    }

    /// <summary>Keeps why a reference failed, unless it is the peer that failed.</summary>
    private async Task FailedAsync(Run run, WaitingReference reference, Exception e, CancellationToken cancel)
    {
        if (e is RegistryException failure)
            await ThrowIfOutAsync(run, failure, cancel);
        run.AnyFailed = true;
        var found = Failures.Of(e);
        TimeSpan? retryIn = found.Kind == FailureKind.Terminal ? null
            : Transition.RetryDelay(run.Claim.RetryCount + 1, Random.Shared.NextDouble());
        if (retryIn < (e as RegistryException)?.RetryAfter)
            retryIn = ((RegistryException)e).RetryAfter;
        TimeSpan? recheckIn = run.Unsure.TryRemove(reference.Reference, out _) ? lease.Length : null;
        await references.FailedAsync(run.Claim, reference, found, retryIn, recheckIn, cancel);
    }

    private async Task CopyReferenceAsync(Run run, WaitingReference reference, CancellationToken cancel)
    {
        var name = run.Claim.Name;
        var manifest = await source.GetManifestAsync(name, reference.Reference, cancel);
        var agrees = manifest is not null && (reference.Digest is null || manifest.Digest.ToString() == reference.Digest);
        if (!agrees && reference.Fresh)
        {
            await references.NotYetAsync(run.Claim, reference, Transition.LinkDelay(reference.Tries), cancel);
            return;
        }
        if (manifest is null)
        {
            // Deleted since, or replaced: the registry's answer is final now.
            await references.GoneAsync(run.Claim, reference, cancel);
            return;
        }
        // An entry of an index announces itself by its digest, too.
        if (reference.Reference.Contains(':', StringComparison.Ordinal) && await copy.IsLeftOutAsync(name, manifest, cancel))
        {
            await references.DoneAsync(run.Claim, reference, null, cancel);
            return;
        }
        var digest = manifest.Digest.ToString();
        var (tagDigest, hasManifest, isKept) = await inventory.LookUpAsync(name, reference.Reference, digest, cancel);
        if (reference.Recheck)
            tagDigest = (await target.FindManifestAsync(name, reference.Reference, cancel))?.ToString();
        if (isKept && tagDigest != digest)
        {
            // Only this site has what stands there: an operator decides first, and then it is wanted again.
            await references.DoneAsync(run.Claim, reference, null, cancel);
            return;
        }
        long? bytes = null;
        if (tagDigest != digest)
            bytes = await WriteAsync(run, reference.Reference, manifest, hasManifest && !reference.Recheck, cancel);
        await ReferrersAsync(run, manifest, cancel);
        await references.DoneAsync(run.Claim, reference, new HeldManifest(digest, manifest.MediaType, bytes), cancel);
    }

    private async Task<long?> WriteAsync(Run run, string reference, Manifest manifest, bool held, CancellationToken cancel)
    {
        try
        {
            var content = held ? null : await copy.CopyContentAsync(run.Claim.Name, manifest, run.Progress, cancel);
            await GuardedPutAsync(run, reference, manifest, cancel);
            return content?.Bytes;
        }
        catch (RegistryException e) when (e.Registry == Peers.OwnRegistry && ImageCopy.IsIncomplete(e))
        {
            // The memory erred: forget all it says of this repository, and copy once more.
            memory.Forget(run.Claim.Name);
            await inventory.ForgetAsync(run.Claim.Name, cancel);
            var content = await copy.CopyContentAsync(run.Claim.Name, manifest, run.Progress, cancel);
            try
            {
                await GuardedPutAsync(run, reference, manifest, cancel);
            }
            catch (RegistryException again) when (ImageCopy.IsIncomplete(again) && content.IsIncomplete)
            {
                throw ImageCopy.Sparse(manifest, content, again);
            }
            return content.Bytes;
        }
    }

    /// <summary>Writes a tag only if the lease outlasts the request's own timeout; a write that was late all the same is looked at again.</summary>
    private async Task GuardedPutAsync(Run run, string reference, Manifest manifest, CancellationToken cancel)
    {
        var timeout = TimeSpan.FromSeconds(Math.Min(10, lease.Length.TotalSeconds / 2));
        while (lease.Left(run.Worker) is var left && left <= timeout)
        {
            if (left == TimeSpan.Zero)
                throw new LeaseLostException();
            await Task.Delay(TimeSpan.FromMilliseconds(50), time, cancel);
        }
        run.Unsure[reference] = true;
        await target.PutManifestAsync(run.Claim.Name, reference, manifest, timeout, cancel);
        if (lease.Left(run.Worker) == TimeSpan.Zero)
        {
            await references.PutBackAsync(run.Claim.Id, reference, CancellationToken.None);
            throw new LeaseLostException();
        }
        run.Unsure.TryRemove(reference, out _);
    }

    private async Task ThrowIfOutAsync(Run run, RegistryException e, CancellationToken cancel)
    {
        if (!PeerProbe.Suspicious(e))
            return;
        var (peer, probe) = e.Registry == Peers.OwnRegistry ? (Peers.OwnRegistry, targetProbe) : (Peers.PrimaryRegistry, sourceProbe);
        if (await probe.IsOutAsync(run.Claim.Name, e, cancel))
            throw new PeerOutException(peer, e);
    }

    private static ParallelOptions Options(CancellationToken cancel) => new() { MaxDegreeOfParallelism = TagsAtOnce, CancellationToken = cancel };
}
