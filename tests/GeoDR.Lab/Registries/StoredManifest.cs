using System.Text.Json;
using System.Text.Json.Nodes;

namespace GeoDR.Lab.Registries;

/// <summary>A descriptor inside a manifest.</summary>
public sealed record LabDescriptor(string MediaType, string Digest, long Size)
{
    /// <summary>Foreign layers live at their urls; a registry does not ask for their blobs.</summary>
    internal bool IsForeign { get; init; }
}

/// <summary>A manifest as it was pushed: its bytes are never written anew, the digest is over them.</summary>
public sealed record StoredManifest(string Digest, string MediaType, ReadOnlyMemory<byte> Bytes)
{
    public required IReadOnlyList<LabDescriptor> Blobs { get; init; }
    public required IReadOnlyList<LabDescriptor> Children { get; init; }
    public string? Subject { get; init; }
    public string? ArtifactType { get; init; }
    internal JsonNode? Annotations { get; init; }

    public IEnumerable<LabDescriptor> References => Blobs.Concat(Children);

    /// <summary>Null when the bytes are no manifest of that media type.</summary>
    public static StoredManifest? Parse(string mediaType, byte[] bytes)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        try
        {
            return JsonNode.Parse(bytes) is JsonObject root ? Read(mediaType, bytes, root) : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or ArgumentException)
        {
            return null;
        }
    }

    static StoredManifest? Read(string mediaType, byte[] bytes, JsonObject root)
    {
        // A media type inside that contradicts the Content-Type is the confusion attack of CVE-2021-41190.
        if (root["mediaType"] is { } inner && (string?)inner != mediaType)
        {
            return null;
        }

        var isIndex = mediaType is LabMediaTypes.OciIndex or LabMediaTypes.DockerList;
        var isSchema1 = mediaType is LabMediaTypes.Schema1 or LabMediaTypes.Schema1Signed;
        if (isIndex ? root["manifests"] is not JsonArray : isSchema1 ? root["fsLayers"] is not JsonArray : root["config"] is not JsonObject)
        {
            return null;
        }

        var blobs = isSchema1
            ? root["fsLayers"]!.AsArray().Select(l => new LabDescriptor("", (string)l!["blobSum"]!, 0)).ToList()
            : isIndex ? [] : new[] { root["config"]! }.Concat(root["layers"]?.AsArray() ?? []).Select(Descriptor).ToList();
        return new StoredManifest(LabDigest.Sha256(bytes), mediaType, bytes)
        {
            Blobs = blobs,
            Children = isIndex ? root["manifests"]!.AsArray().Select(Descriptor).ToList() : [],
            Subject = (string?)root["subject"]?["digest"],
            ArtifactType = (string?)root["artifactType"] ?? (string?)root["config"]?["mediaType"],
            Annotations = root["annotations"]?.DeepClone(),
        };
    }

    static LabDescriptor Descriptor(JsonNode? node) =>
        new((string?)node!["mediaType"] ?? "", (string)node["digest"]!, (long?)node["size"] ?? 0)
        {
            IsForeign = node["urls"] is JsonArray { Count: > 0 },
        };
}
