using System.Collections.Concurrent;
using GeoDR.Inventory;
using GeoDR.Registry;

namespace GeoDR.Deletion;

/// <summary>
/// What one repository of the own registry holds, read once for one claim (nobody else writes there meanwhile): who needs a manifest
/// that is to be deleted by its digest, which takes every tag with it.
/// </summary>
public sealed class OwnRepository(RegistryClient own, InventoryStore inventory, string repository)
{
    private const int AtOnce = 4;
    // Asking for every tag of a larger one would keep its pushes waiting; there the inventory is believed for what it knows.
    private const int MostAsked = 2000;

    private Dictionary<string, Digest>? _tags;
    private Dictionary<Digest, HashSet<Digest>>? _children;

    /// <summary>In words, what needs a manifest besides <paramref name="tag"/>; null when nothing does.</summary>
    /// <exception cref="RegistryException"/>
    public async Task<string?> NeededByAsync(Digest digest, string? tag, CancellationToken cancel)
    {
        var tags = _tags ??= await ReadTagsAsync(cancel);
        if (tags.FirstOrDefault(t => t.Key != tag && t.Value == digest).Key is { } other)
            return $"the tag {other} is the same manifest";
        foreach (var (index, children) in _children ??= await ReadIndexesAsync(tags, cancel))
            if (index != digest && children.Contains(digest))
                return $"the index {index} contains it";
        if (tags.ContainsKey(Referrer.FallbackTag(digest)) || await own.ListReferrersAsync(repository, digest, cancel) is { Count: > 0 })
            return "a referrer names it as its subject";
        // A signature goes with its own deletion event, not because its tag does.
        if (tag is not null && await own.GetManifestAsync(repository, digest.ToString(), cancel) is { } manifest
            && ManifestContent.Parse(manifest).Subject is { } subject && await own.HeadManifestAsync(repository, subject.Digest.ToString(), cancel) is not null)
            return $"{subject.Digest} is its subject and is here";
        return null;
    }

    /// <summary>The tag is gone, and with <paramref name="manifest"/> its manifest.</summary>
    public void Removed(string? tag, Digest? manifest)
    {
        if (tag is not null)
            _tags?.Remove(tag);
        if (manifest is { } digest)
            _children?.Remove(digest);
    }

    private async Task<Dictionary<string, Digest>> ReadTagsAsync(CancellationToken cancel)
    {
        var names = new List<string>();
        await foreach (var page in own.ListTagsAsync(repository, cancel))
            names.AddRange(page);
        var known = names.Count > MostAsked ? await inventory.TagsAsync(repository, cancel) : [];
        var found = new ConcurrentDictionary<string, Digest>(StringComparer.Ordinal);
        await Parallel.ForEachAsync(names, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancel }, async (name, stop) =>
        {
            if (known.TryGetValue(name, out var text) && Digest.TryParse(text, out var digest))
                found[name] = digest;
            else if (await own.HeadManifestAsync(repository, name, stop) is { } read)
                found[name] = read;
        });
        return new(found, StringComparer.Ordinal);
    }

    /// <summary>The children of every index: below each tag, and those that the inventory knows without one.</summary>
    private async Task<Dictionary<Digest, HashSet<Digest>>> ReadIndexesAsync(Dictionary<string, Digest> tags, CancellationToken cancel)
    {
        var found = new Dictionary<Digest, HashSet<Digest>>();
        var types = await inventory.MediaTypesAsync(repository, cancel);
        var open = new Stack<Digest>(tags.Values.Where(d => types.GetValueOrDefault(d.ToString()) is not { } type || MediaTypes.IsIndex(type))
            .Concat(types.Where(t => t.Value is not null && MediaTypes.IsIndex(t.Value)).Select(t => Digest.Parse(t.Key))));
        while (open.TryPop(out var digest))
        {
            if (found.ContainsKey(digest) || await own.GetManifestAsync(repository, digest.ToString(), cancel) is not { } manifest || !MediaTypes.IsIndex(manifest.MediaType))
                continue;
            var children = ManifestContent.Parse(manifest).Manifests;
            found[digest] = [.. children.Select(c => c.Digest)];
            foreach (var child in children.Where(c => MediaTypes.IsIndex(c.MediaType)))
                open.Push(child.Digest);
        }
        return found;
    }
}
