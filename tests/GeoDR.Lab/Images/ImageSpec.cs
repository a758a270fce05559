namespace GeoDR.Lab;

public enum ImageKind
{
    /// <summary>A Docker schema 2 manifest.</summary>
    Docker,

    /// <summary>An OCI manifest.</summary>
    Oci,

    /// <summary>An OCI index of one OCI manifest for each platform.</summary>
    OciIndex,

    /// <summary>A Docker manifest list of one schema 2 manifest for each platform.</summary>
    DockerList,
}

/// <summary>A layer of random bytes: the same seed and size are the same blob, wherever it is pushed.</summary>
public sealed record LayerSpec(long Seed, long Size);

/// <summary>An image to build: what it is made of decides every digest.</summary>
public sealed record ImageSpec(ImageKind Kind, long Seed, params IReadOnlyList<LayerSpec> Layers)
{
    /// <summary>Of an index: its entries; each has a configuration of its own and one small layer besides the shared ones.</summary>
    public IReadOnlyList<string> Platforms { get; init; } = ["amd64", "arm64"];

    public bool IsIndex => Kind is ImageKind.OciIndex or ImageKind.DockerList;

    internal bool IsDocker => Kind is ImageKind.Docker or ImageKind.DockerList;

    /// <summary>An image of <paramref name="layers"/> own layers of one size.</summary>
    public static ImageSpec Random(ImageKind kind, long seed, int layers = 2, long size = 4096) =>
        new(kind, seed, [.. Enumerable.Range(0, layers).Select(n => new LayerSpec((seed * 1000) + n, size))]);
}

/// <summary>What a push put into a repository.</summary>
public sealed record PushedImage(string Repository, string? Tag, string Digest, IReadOnlyList<string> Manifests, IReadOnlyList<string> Blobs, long Bytes)
{
    /// <summary><c>repository:tag</c>, or <c>repository@digest</c> where it has no tag.</summary>
    public override string ToString() => Tag is null ? $"{Repository}@{Digest}" : $"{Repository}:{Tag}";
}
