namespace GeoDR.Lab.Registries;

/// <summary>The manifest media types that registries meet.</summary>
public static class LabMediaTypes
{
    public const string OciManifest = "application/vnd.oci.image.manifest.v1+json";
    public const string OciIndex = "application/vnd.oci.image.index.v1+json";
    public const string OciConfig = "application/vnd.oci.image.config.v1+json";
    public const string OciLayer = "application/vnd.oci.image.layer.v1.tar+gzip";
    public const string DockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
    public const string DockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
    public const string Schema1 = "application/vnd.docker.distribution.manifest.v1+json";
    public const string Schema1Signed = "application/vnd.docker.distribution.manifest.v1+prettyjws";

    public static IReadOnlyList<string> Manifests { get; } =
        [OciManifest, OciIndex, DockerManifest, DockerList, Schema1, Schema1Signed];
}
