namespace GeoDR.Lab;

/// <summary>A manifest that a registry holds, and what it needs.</summary>
public sealed record ManifestSnapshot(string Digest, string MediaType, long Size, IReadOnlyList<string> Children, IReadOnlyList<string> Blobs);

/// <summary>One repository as it was read.</summary>
public sealed record RepositorySnapshot(string Name)
{
    /// <summary>Tag to digest.</summary>
    public required IReadOnlyDictionary<string, string> Tags { get; init; }

    /// <summary>Every manifest that is there, by digest: below a tag, or (with the storage's directory given) without one.</summary>
    public required IReadOnlyDictionary<string, ManifestSnapshot> Manifests { get; init; }

    /// <summary>Every blob that is there and that a manifest names, with its size.</summary>
    public required IReadOnlyDictionary<string, long> Blobs { get; init; }

    /// <summary>Manifests and blobs that a manifest names and the registry has not.</summary>
    public required IReadOnlySet<string> Missing { get; init; }

    /// <summary>Blobs and manifests whose bytes do not hash to their digest.</summary>
    public required IReadOnlySet<string> Damaged { get; init; }

    /// <summary>Everything (manifests and blobs) below the digests given.</summary>
    public IReadOnlySet<string> Closure(IEnumerable<string> roots)
    {
        var reached = new HashSet<string>();
        var open = new Stack<string>(roots);
        while (open.TryPop(out var digest))
        {
            if (reached.Add(digest) && Manifests.TryGetValue(digest, out var manifest))
            {
                foreach (var below in manifest.Children.Concat(manifest.Blobs))
                {
                    open.Push(below);
                }
            }
        }

        return reached;
    }
}
