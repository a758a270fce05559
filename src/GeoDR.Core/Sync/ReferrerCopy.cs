using GeoDR.Registry;

namespace GeoDR.Sync;

/// <summary>Writes a tag under the caller's guard.</summary>
public delegate Task TagWriter(string tag, Manifest manifest, CancellationToken cancel);

/// <summary>
/// Copies what refers to a manifest and its children (signatures, SBOMs), with their own referrers, from a primary that has the
/// referrers API. Without it there they are tags like others. A target without it gets the fallback tag that clients then read.
/// </summary>
public sealed class ReferrerCopy(RegistryClient source, RegistryClient target, ImageCopy images, BlobMemory memory)
{
    public Task CopyAsync(string repository, Manifest subject, SyncProgress progress, TagWriter writeTag, CancellationToken cancel) =>
        CopyAsync(repository, subject, 1, progress, writeTag, cancel);

    private async Task CopyAsync(string repository, Manifest subject, int depth, SyncProgress progress, TagWriter writeTag, CancellationToken cancel)
    {
        if (await source.ListReferrersAsync(repository, subject.Digest, cancel) is not { } referrers)
            return;
        if (depth > ImageCopy.MaxDepth)
            throw new NestedTooDeepException($"{subject.Digest} stands more than {ImageCopy.MaxDepth} referrers deep");
        foreach (var referrer in referrers)
            if (await source.GetManifestAsync(repository, referrer.Digest.ToString(), cancel) is { } found)
            {
                if (!await IsHereAsync(repository, found.Digest, cancel))
                {
                    await images.PutAsync(repository, found, await images.CopyContentAsync(repository, found, progress, cancel), cancel);
                    memory.Remember(repository, found.Digest);
                }
                await CopyAsync(repository, found, depth + 1, progress, writeTag, cancel);
            }
        if (referrers.Count > 0 && await target.ListReferrersAsync(repository, subject.Digest, cancel) is null)
            await ListInFallbackAsync(repository, subject.Digest, referrers, writeTag, cancel);
        foreach (var child in ManifestContent.Parse(subject).Manifests)
            if (await ChildAsync(repository, child, cancel) is { } manifest)
                await CopyAsync(repository, manifest, depth, progress, writeTag, cancel);
    }

    // Of a child that is no index only the digest is needed.
    private async Task<Manifest?> ChildAsync(string repository, Descriptor child, CancellationToken cancel) =>
        MediaTypes.IsIndex(child.MediaType)
            ? await source.GetManifestAsync(repository, child.Digest.ToString(), cancel)
            : new Manifest(child.Digest, child.MediaType, "{}"u8.ToArray());

    private async Task<bool> IsHereAsync(string repository, Digest digest, CancellationToken cancel)
    {
        if (!memory.Has(repository, digest) && await target.FindManifestAsync(repository, digest.ToString(), cancel) is not null)
            memory.Remember(repository, digest);
        return memory.Has(repository, digest);
    }

    private async Task ListInFallbackAsync(
        string repository, Digest subject, IReadOnlyList<Referrer> referrers, TagWriter writeTag, CancellationToken cancel)
    {
        var tag = Referrer.FallbackTag(subject);
        var listed = await target.GetManifestAsync(repository, tag, cancel) is { } held ? Referrer.Parse(held.Bytes) ?? [] : [];
        if (referrers.All(r => listed.Any(l => l.Digest == r.Digest)))
            return;
        await writeTag(tag, Referrer.Index(listed.Concat(referrers).DistinctBy(r => r.Digest)), cancel);
    }
}
