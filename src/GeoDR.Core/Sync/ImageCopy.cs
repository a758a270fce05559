using GeoDR.Registry;

namespace GeoDR.Sync;

/// <summary>Something a manifest refers to is not at the primary.</summary>
public sealed class MissingContentException(string message) : Exception(message);

/// <summary>An index nested deeper than is followed.</summary>
public sealed class NestedTooDeepException(string message) : Exception(message);

/// <summary>
/// Copies what a manifest refers to, children before parents: blobs, then child manifests. The manifest itself is written by
/// the caller, under its guard.
/// </summary>
public sealed class ImageCopy(RegistryClient source, RegistryClient target, BlobMemory memory, int blobsPerImage)
{
    private const int MaxDepth = 8;

    /// <summary>Copies everything below <paramref name="manifest"/> and answers its bytes with all it refers to.</summary>
    public Task<long> CopyContentAsync(string repository, Manifest manifest, CancellationToken cancel) =>
        CopyContentAsync(repository, manifest, 1, cancel);

    private async Task<long> CopyContentAsync(string repository, Manifest manifest, int depth, CancellationToken cancel)
    {
        if (depth > MaxDepth)
            throw new NestedTooDeepException($"{manifest.Digest} stands more than {MaxDepth} indexes deep");
        var content = ManifestContent.Parse(manifest);
        long bytes = manifest.Bytes.Length;
        foreach (var child in content.Manifests)
        {
            var found = await source.GetManifestAsync(repository, child.Digest.ToString(), cancel)
                ?? throw new MissingContentException($"the index {manifest.Digest} names {child.Digest}, which the primary does not have");
            bytes += await CopyContentAsync(repository, found, depth + 1, cancel);
            await target.PutManifestAsync(repository, found.Digest.ToString(), found, TimeSpan.FromSeconds(30), cancel);
        }
        await Parallel.ForEachAsync(
            content.Blobs.Where(b => !b.Foreign),
            new ParallelOptions { MaxDegreeOfParallelism = blobsPerImage, CancellationToken = cancel },
            async (blob, stop) => await EnsureBlobAsync(repository, blob, stop));
        return bytes + content.Blobs.Sum(b => b.Size);
    }

    private async Task EnsureBlobAsync(string repository, Descriptor blob, CancellationToken cancel)
    {
        if (memory.Has(repository, blob.Digest))
            return;
        var mount = memory.MountSource(repository, blob.Digest);
        if (mount is null && await target.HasBlobAsync(repository, blob.Digest, cancel))
        {
            memory.Remember(repository, blob.Digest);
            return;
        }
        var upload = await target.StartUploadAsync(repository, mount is null ? null : (blob.Digest, mount), cancel);
        if (upload is not null)
        {
            if (mount is not null)
                memory.Forget(mount, blob.Digest);
            await UploadAsync(repository, blob, upload, cancel);
        }
        memory.Remember(repository, blob.Digest);
    }

    private async Task UploadAsync(string repository, Descriptor blob, BlobUpload upload, CancellationToken cancel)
    {
        try
        {
            await using var opened = await source.OpenBlobAsync(repository, blob.Digest, 0, cancel);
            using var body = new VerifiedBlobContent(opened, blob.Digest, blob.Size);
            await target.CompleteUploadAsync(upload, blob.Digest, body, cancel);
        }
        catch
        {
            // What was begun is not left behind; a registry that is away cannot be told.
            await CancelQuietlyAsync(upload);
            throw;
        }
    }

    private async Task CancelQuietlyAsync(BlobUpload upload)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        try
        {
            await target.CancelUploadAsync(upload, limit.Token);
        }
        catch (Exception e) when (e is RegistryException or OperationCanceledException)
        {
        }
    }
}
