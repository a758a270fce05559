using GeoDR.Registry;
using GeoDR.Selection;

namespace GeoDR.Sync;

/// <summary>An index nested deeper than is followed.</summary>
public sealed class NestedTooDeepException(string message) : Exception(message);

/// <summary>An index whose children the primary does not have, at a target that takes no such index.</summary>
public sealed class SparseIndexException(string message, Exception inner) : Exception(message, inner);

/// <summary>An index without the entries that the selection leaves out, at a target that takes no such index.</summary>
public sealed class LeftOutException(string message, Exception inner) : Exception(message, inner);

/// <summary>What was copied below a manifest.</summary>
/// <param name="Bytes">Of the manifest and all it refers to, foreign layers apart.</param>
/// <param name="Missing">Children that the primary does not have.</param>
/// <param name="LeftOut">Children of platforms that are not followed.</param>
public sealed record CopiedContent(long Bytes, IReadOnlyList<Digest> Missing, IReadOnlyList<Digest> LeftOut)
{
    public bool IsIncomplete => Missing.Count + LeftOut.Count > 0;
}

/// <summary>
/// Copies what a manifest refers to, children before parents: blobs, then child manifests. The manifest itself is written by
/// the caller, under its guard.
/// </summary>
public sealed class ImageCopy(RegistryClient source, RegistryClient target, BlobCopy blobs, SiteSelection selection, int blobsPerImage, bool copyForeignLayers)
{
    /// <summary>Indexes in indexes, and referrers of referrers.</summary>
    public const int MaxDepth = 8;

    /// <summary>Copies everything below <paramref name="manifest"/>.</summary>
    public Task<CopiedContent> CopyContentAsync(string repository, Manifest manifest, SyncProgress progress, CancellationToken cancel) =>
        CopyContentAsync(repository, manifest, 1, progress, cancel);

    private async Task<CopiedContent> CopyContentAsync(string repository, Manifest manifest, int depth, SyncProgress progress, CancellationToken cancel)
    {
        if (depth > MaxDepth + 1)
            throw new NestedTooDeepException($"{manifest.Digest} stands more than {MaxDepth} indexes deep");
        var content = ManifestContent.Parse(manifest);
        long bytes = manifest.Bytes.Length;
        var missing = new List<Digest>();
        var leftOut = new List<Digest>();
        foreach (var child in content.Manifests)
        {
            if (!selection.TakesPlatform(child.Platform))
            {
                leftOut.Add(child.Digest);
                continue;
            }
            if (await source.GetManifestAsync(repository, child.Digest.ToString(), cancel) is not { } found)
            {
                // Some registries hold such sparse indexes; whether the own one takes it, it says itself.
                missing.Add(child.Digest);
                continue;
            }
            var below = await CopyContentAsync(repository, found, depth + 1, progress, cancel);
            await PutAsync(repository, found, below, cancel);
            bytes += below.Bytes;
            missing.AddRange(below.Missing);
            leftOut.AddRange(below.LeftOut);
        }
        await Parallel.ForEachAsync(
            content.Blobs,
            new ParallelOptions { MaxDegreeOfParallelism = blobsPerImage, CancellationToken = cancel },
            async (blob, stop) => await EnsureBlobAsync(repository, blob, progress, stop));
        return new(bytes + content.Blobs.Where(b => !b.Foreign).Sum(b => Math.Max(0, b.Size)), missing, leftOut);
    }

    /// <summary>Whether an image is for a platform that is not followed: what its configuration says (OCI image specification, "Image Configuration").</summary>
    public async Task<bool> IsLeftOutAsync(string repository, Manifest manifest, CancellationToken cancel)
    {
        if (selection.Platforms.Count == 0 || MediaTypes.IsIndex(manifest.MediaType))
            return false;
        var config = ManifestContent.Parse(manifest).Blobs.FirstOrDefault(b => MediaTypes.IsImageConfig(b.MediaType));
        if (config is not { Size: > 0 and <= RegistryClient.MaxManifestBytes })
            return false;
        var bytes = new byte[config.Size];
        await using var blob = new BlobReader(source, repository, config.Digest, 0, TimeProvider.System);
        var read = 0;
        while (read < bytes.Length && await blob.ReadAsync(bytes.AsMemory(read), cancel) is > 0 and var more)
            read += more;
        return !selection.TakesPlatform(ManifestContent.PlatformOf(bytes.AsMemory(0, read)));
    }

    /// <summary>Writes a manifest under its digest.</summary>
    public async Task PutAsync(string repository, Manifest manifest, CopiedContent content, CancellationToken cancel)
    {
        try
        {
            await target.PutManifestAsync(repository, manifest.Digest.ToString(), manifest, TimeSpan.FromSeconds(30), cancel);
        }
        catch (RegistryException e) when (IsIncomplete(e) && content.IsIncomplete)
        {
            throw Sparse(manifest, content, e);
        }
    }

    /// <summary>The target says that something the manifest refers to is not there.</summary>
    public static bool IsIncomplete(RegistryException e) =>
        e.HasCode("MANIFEST_BLOB_UNKNOWN") || e.HasCode("BLOB_UNKNOWN") || e.HasCode("MANIFEST_UNKNOWN");

    public static Exception Sparse(Manifest manifest, CopiedContent content, Exception inner) => content.LeftOut.Count > 0
        ? new LeftOutException(
            $"the index {manifest.Digest} names {Named(content.LeftOut)}, which Geo:Filter:Platforms leaves out, and this registry takes no incomplete index", inner)
        : new SparseIndexException(
            $"the index {manifest.Digest} names {Named(content.Missing)}, which the primary does not have, and this registry takes no incomplete index", inner);

    private static string Named(IReadOnlyList<Digest> digests) =>
        $"{string.Join(", ", digests.Take(3))}{(digests.Count > 3 ? $" and {digests.Count - 3} more" : "")}";

    private async Task EnsureBlobAsync(string repository, Descriptor blob, SyncProgress progress, CancellationToken cancel)
    {
        if (!blob.Foreign)
        {
            await blobs.EnsureAsync(repository, blob, progress, cancel);
            return;
        }
        if (!copyForeignLayers)
            return;
        try
        {
            await blobs.EnsureAsync(repository, blob, progress, cancel);
        }
        catch (RegistryException e) when (e.Status == System.Net.HttpStatusCode.NotFound)
        {
            // The primary keeps it as a reference; so does this site.
        }
    }
}
