namespace GeoDR.Registry;

/// <summary>Media types of manifests. All of them are always asked for: a GET without a matching Accept is a 404 on Distribution.</summary>
public static class MediaTypes
{
    public const string OciManifest = "application/vnd.oci.image.manifest.v1+json";
    public const string OciIndex = "application/vnd.oci.image.index.v1+json";
    public const string DockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
    public const string DockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
    public const string DockerSchema1Signed = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    public const string DockerSchema1 = "application/vnd.docker.distribution.manifest.v1+json";

    /// <summary>Of the OCI specification's release candidates; some artifacts still are.</summary>
    public const string OciArtifact = "application/vnd.oci.artifact.manifest.v1+json";

    public static IReadOnlyList<string> Manifests { get; } =
        [OciManifest, OciIndex, DockerManifest, DockerList, DockerSchema1Signed, DockerSchema1, OciArtifact];

    public static bool IsManifest(string mediaType) => Manifests.Contains(mediaType);

    public static bool IsIndex(string mediaType) => mediaType is OciIndex or DockerList;

    public static bool IsImageConfig(string mediaType) =>
        mediaType is "application/vnd.oci.image.config.v1+json" or "application/vnd.docker.container.image.v1+json";

    /// <summary>A layer that is fetched from elsewhere (Docker "foreign", OCI "nondistributable").</summary>
    public static bool IsForeignLayer(string mediaType) =>
        mediaType.Contains(".foreign.", StringComparison.Ordinal) || mediaType.Contains(".nondistributable.", StringComparison.Ordinal);
}
