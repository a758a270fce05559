using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using GeoDR.Registry;
using GeoDR.Selection;
using GeoDR.Sync;

namespace GeoDR.Verification;

/// <summary>
/// Looks at manifests and all below them, each once: a manifest is read and hashed, of a blob the size is asked, or, deep, it is
/// read and hashed, too. What was found bad before is always read.
/// </summary>
internal sealed class ContentCheck(
    RegistryClient own, RegistryClient primary, SiteSelection selection, VerificationBudget budget, ClaimedCheck claim,
    Func<RegistryException, CancellationToken, Task> throwIfOut, TimeProvider time)
{
    private const int BufferBytes = 128 * 1024;

    private readonly ConcurrentDictionary<Digest, bool> _seen = new();
    private readonly ConcurrentDictionary<string, Finding> _findings = new(StringComparer.Ordinal);
    private long _manifests;
    private long _blobs;
    private long _bytes;

    public IEnumerable<Finding> Findings => _findings.Values;

    public ConcurrentQueue<string> Gone { get; } = new();

    public bool PrimaryAway { get; private set; }

    public bool Saw(string digest) => Digest.TryParse(digest, out var d) && _seen.ContainsKey(d);

    public CheckCounts Counts(long tags, long requests) => new(tags, _manifests, _blobs, _bytes, requests);

    /// <summary>A manifest that tags point to, and all below.</summary>
    public Task ManifestAsync(Digest digest, IReadOnlyList<FoundUnder> under, CancellationToken cancel) => ManifestAsync(digest, under, 0, cancel);

    /// <summary>A manifest that was pushed by its digest alone, or whose tag moved on: it may have been collected at both sites.</summary>
    public async Task UntaggedAsync(Digest digest, CancellationToken cancel)
    {
        if (_seen.ContainsKey(digest))
            return;
        await ManifestAsync(digest, [new(digest.ToString(), digest.ToString())], 0, cancel);
        if (_findings.TryGetValue(digest.ToString(), out var found) && found.Kind == DamageKind.Missing && await IsAtPrimaryAsync(digest, cancel) != true
            && _findings.TryRemove(digest.ToString(), out _))
            Gone.Enqueue(digest.ToString());
    }

    private async Task ManifestAsync(Digest digest, IReadOnlyList<FoundUnder> under, int depth, CancellationToken cancel)
    {
        // Deeper than the sync goes there is nothing of ours.
        if (depth > ImageCopy.MaxDepth + 1 || !_seen.TryAdd(digest, true))
            return;
        Interlocked.Increment(ref _manifests);
        if (await ReadAsync(digest, under, depth, cancel) is not { } manifest)
            return;
        ManifestContent content;
        try
        {
            content = ManifestContent.Parse(manifest);
        }
        catch (MalformedManifestException)
        {
            // Its bytes are the digest's: what cannot be read here cannot be read at the primary either.
            return;
        }
        foreach (var child in content.Manifests.Where(c => selection.TakesPlatform(c.Platform)))
            await ManifestAsync(child.Digest, under, depth + 1, cancel);
        foreach (var blob in content.Blobs.Where(b => !b.Foreign && _seen.TryAdd(b.Digest, true)))
            await BlobAsync(blob, under, cancel);
        if (await own.ListReferrersAsync(claim.Name, digest, cancel) is not { } referrers)
            return;
        await budget.RequestAsync(cancel);
        foreach (var referrer in referrers)
            await ManifestAsync(referrer.Digest, under, depth + 1, cancel);
    }

    private async Task<Manifest?> ReadAsync(Digest digest, IReadOnlyList<FoundUnder> under, int depth, CancellationToken cancel)
    {
        try
        {
            await budget.RequestAsync(cancel);
            if (await own.GetManifestAsync(claim.Name, digest.ToString(), cancel) is { } manifest)
            {
                Interlocked.Add(ref _bytes, manifest.Bytes.Length);
                await budget.BytesAsync(manifest.Bytes.Length, cancel);
                return manifest;
            }
            // An index may name what the primary does not have either.
            if (depth == 0 || await IsAtPrimaryAsync(digest, cancel) != false)
                Found(digest, DamageKind.Missing, $"the manifest {digest} is missing", under);
        }
        catch (WrongContentException e)
        {
            Found(digest, DamageKind.Damaged, $"the manifest {digest} is damaged: {e.Message}", under);
        }
        catch (ManifestTooLargeException e)
        {
            Found(digest, DamageKind.Damaged, $"the manifest {digest} is damaged: {e.Message}", under);
        }
        catch (RegistryException e) when (e.Status is HttpStatusCode.InternalServerError)
        {
            await throwIfOut(e, cancel);
            Found(digest, DamageKind.Unreadable, $"the manifest {digest} cannot be read: {e.Message}", under);
        }
        return null;
    }

    private async Task BlobAsync(Descriptor blob, IReadOnlyList<FoundUnder> under, CancellationToken cancel)
    {
        Interlocked.Increment(ref _blobs);
        var read = claim.Scope == CheckScope.Deep || claim.Suspects.Contains(blob.Digest.ToString());
        try
        {
            await budget.RequestAsync(cancel);
            if (!read && await own.BlobSizeAsync(claim.Name, blob.Digest, cancel) is var size)
            {
                if (size is null)
                    Found(blob.Digest, DamageKind.Missing, $"the blob {blob.Digest} is missing", under);
                else if (size >= 0 && blob.Size >= 0 && size != blob.Size)
                    Found(blob.Digest, DamageKind.Damaged, $"the blob {blob.Digest} is {size} bytes long instead of {blob.Size}", under);
            }
            else if (read && await HashAsync(blob, cancel) is { } wrong)
                Found(blob.Digest, DamageKind.Damaged, wrong, under);
        }
        catch (RegistryException e) when (e.Status is HttpStatusCode.NotFound)
        {
            Found(blob.Digest, DamageKind.Missing, $"the blob {blob.Digest} is missing", under);
        }
        // Distribution with a cache promises a file that is gone or shorter, and breaks off where it ends.
        catch (RegistryException e) when (e.Status is HttpStatusCode.InternalServerError || read && e.IsUnreachable)
        {
            await throwIfOut(e, cancel);
            Found(blob.Digest, DamageKind.Unreadable, $"the blob {blob.Digest} cannot be read: {e.Message}", under);
        }
    }

    /// <summary>Reads and hashes in one buffer; what is wrong with it, null when nothing is.</summary>
    private async Task<string?> HashAsync(Descriptor blob, CancellationToken cancel)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            using var hash = blob.Digest.NewHash();
            await using var reader = new BlobReader(own, claim.Name, blob.Digest, 0, time);
            while (await reader.ReadAsync(buffer.AsMemory(0, BufferBytes), cancel) is > 0 and var read)
            {
                hash.AppendData(buffer, 0, read);
                Interlocked.Add(ref _bytes, read);
                await budget.BytesAsync(read, cancel);
            }
            if (blob.Size >= 0 && reader.Offset != blob.Size)
                return $"the blob {blob.Digest} is {reader.Offset} bytes long instead of {blob.Size}";
            var hex = Convert.ToHexStringLower(hash.GetHashAndReset());
            return hex == blob.Digest.Hex ? null : $"the blob {blob.Digest} is damaged: its bytes hash to {blob.Digest.Algorithm}:{hex}";
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Null where the primary cannot be asked.</summary>
    private async Task<bool?> IsAtPrimaryAsync(Digest digest, CancellationToken cancel)
    {
        if (PrimaryAway)
            return null;
        try
        {
            await budget.RequestAsync(cancel);
            return await primary.HeadManifestAsync(claim.Name, digest.ToString(), cancel) is not null;
        }
        catch (RegistryException e)
        {
            PrimaryAway |= e.IsUnreachable || e.IsRefused;
            return null;
        }
        catch (WrongContentException)
        {
            return null;
        }
    }

    private void Found(Digest digest, DamageKind kind, string detail, IReadOnlyList<FoundUnder> under) =>
        _findings.TryAdd(digest.ToString(), new(digest.ToString(), kind, detail, under));
}
