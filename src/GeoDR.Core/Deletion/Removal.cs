using GeoDR.Registry;
using GeoDR.SyncState;

namespace GeoDR.Deletion;

/// <summary>What came of a deletion at the own registry.</summary>
/// <param name="Manifest">Whether the manifest went, not the tag alone.</param>
/// <param name="Detail">How, or why not.</param>
/// <param name="Hold">Null where it is gone.</param>
internal sealed record Removed(bool Manifest, string Detail, string? Hold = null);

/// <summary>The tag came back to the primary in the last moment.</summary>
internal sealed class CameBackException() : Exception("it is at the primary again");

/// <summary>
/// Removes one tag, or one manifest, from the own registry: by tag where the registry can; by digest only where nothing else needs the
/// manifest; else by way of a one-off manifest.
/// </summary>
internal sealed class Removal(RegistryClient own, PrimaryView primary, LeaseGuard guard, DeletionWrites writes)
{
    // Learnt from answers; a restart asks again.
    private volatile bool _byDigestOnly;
    private volatile bool _deletesByDigest;

    /// <summary>The registry said no; what stands there is as it was.</summary>
    private static bool IsRefusal(RegistryException e) => e.Registry == Peers.OwnRegistry && (int?)e.Status is >= 400 and < 500 and not 408 and not 429;

    public async Task<Removed> ManifestAsync(DeletionClaim work, Digest digest, CancellationToken cancel)
    {
        try
        {
            await DeleteAsync(work, digest.ToString(), digest.ToString(), cancel);
            return new(true, "by digest");
        }
        catch (RegistryException e) when (IsRefusal(e))
        {
            return Refused(e);
        }
    }

    /// <param name="here">What the tag points at.</param>
    /// <param name="isOneOff">It is the substitute of an earlier try.</param>
    public async Task<Removed> TagAsync(DeletionClaim work, DeletionRow row, Digest here, bool isOneOff, CancellationToken cancel)
    {
        if (!_byDigestOnly)
        {
            try
            {
                await DeleteAsync(work, row.Reference, row.Reference, cancel);
                return new(false, "by tag");
            }
            catch (RegistryException e) when (e.Registry == Peers.OwnRegistry && (int?)e.Status is 400 or 405 or 501)
            {
                // Distribution 2.8 has no deletion by tag; whether it has any, the digest shows.
                _byDigestOnly = true;
            }
            catch (RegistryException e) when (IsRefusal(e))
            {
                return Refused(e);
            }
        }
        try
        {
            var needed = isOneOff ? null : await work.Own.NeededByAsync(here, row.Reference, cancel)
                ?? (await primary.HasAsync(work.Name, here.ToString(), cancel) ? "the primary has the manifest still" : null);
            if (needed is not null)
                return await SubstituteAsync(work, row, here, needed, cancel);
            await DeleteAsync(work, row.Reference, here.ToString(), cancel);
            _deletesByDigest = true;
            return new(true, isOneOff ? "by a one-off manifest, begun earlier" : "by digest");
        }
        catch (RegistryException e) when (IsRefusal(e))
        {
            return Refused(e);
        }
    }

    /// <summary>Points the tag at a manifest of its own and deletes that; where the registry will not have it, the tag stays.</summary>
    private async Task<Removed> SubstituteAsync(DeletionClaim work, DeletionRow row, Digest here, string needed, CancellationToken cancel)
    {
        try
        {
            if (!await own.HasBlobAsync(work.Name, OneOff.ConfigDigest, cancel) && await own.StartUploadAsync(work.Name, null, cancel) is { } upload)
                await own.CompleteUploadAsync(upload, OneOff.ConfigDigest, new ReadOnlyMemoryContent(OneOff.Config), cancel);
            await ProveAsync(work, cancel);
            var original = await own.GetManifestAsync(work.Name, here.ToString(), cancel);
            var substitute = OneOff.New();
            await writes.OneOffAsync(row, substitute.Digest.ToString(), cancel);
            await StillGoneAsync(work, row.Reference, cancel);
            await PutAsync(work, row.Reference, substitute, cancel);
            try
            {
                await DeleteAsync(work, row.Reference, substitute.Digest.ToString(), cancel);
            }
            catch (RegistryException e) when (IsRefusal(e) && original is not null)
            {
                await PutAsync(work, row.Reference, original, cancel);
                throw;
            }
            return new(false, $"by a one-off manifest: {needed}");
        }
        catch (RegistryException e) when (IsRefusal(e))
        {
            return new(false, $"the tag stays: {needed}, and {e.Message}", Holds.Refused);
        }
    }

    // Before any tag is pointed elsewhere: does this registry delete at all?
    private async Task ProveAsync(DeletionClaim work, CancellationToken cancel)
    {
        if (_deletesByDigest)
            return;
        var trial = OneOff.New();
        await own.PutManifestAsync(work.Name, trial.Digest.ToString(), trial, TimeSpan.FromSeconds(10), cancel);
        await own.DeleteManifestAsync(work.Name, trial.Digest.ToString(), TimeSpan.FromSeconds(10), cancel);
        _deletesByDigest = true;
    }

    private async Task DeleteAsync(DeletionClaim work, string reference, string target, CancellationToken cancel)
    {
        await StillGoneAsync(work, reference, cancel);
        await guard.SendAsync(work, reference, (timeout, stop) => own.DeleteManifestAsync(work.Name, target, timeout, stop), cancel);
    }

    private Task<bool> PutAsync(DeletionClaim work, string tag, Manifest manifest, CancellationToken cancel) => guard.SendAsync(work, tag, async (timeout, stop) =>
    {
        await own.PutManifestAsync(work.Name, tag, manifest, timeout, stop);
        return true;
    }, cancel);

    // Read again immediately before whatever cannot be undone.
    private async Task StillGoneAsync(DeletionClaim work, string reference, CancellationToken cancel)
    {
        if (await primary.HasAsync(work.Name, reference, cancel))
            throw new CameBackException();
    }

    private static Removed Refused(RegistryException e) => new(false,
        $"{e.Message}; let the registry delete (Distribution: storage.delete.enabled) and GeoDR's credentials too, then `geodr deletions release`", Holds.Refused);
}
