using System.Text;
using System.Text.Json.Nodes;

namespace GeoDR.Lab;

/// <summary>A descriptor with the way to read what it describes.</summary>
internal sealed record BlobSource(string Digest, long Size, Func<Stream> Open)
{
    public static BlobSource Of(byte[] bytes) => new(Digests.Of(bytes), bytes.Length, () => new MemoryStream(bytes, writable: false));
}

internal sealed record BuiltManifest(string MediaType, byte[] Bytes, JsonObject? Platform = null)
{
    public string Digest { get; } = Digests.Of(Bytes);
}

/// <summary>Everything of one image, children before parents: the last manifest is the one that a tag names.</summary>
internal sealed record BuiltImage(IReadOnlyList<BlobSource> Blobs, IReadOnlyList<BuiltManifest> Manifests)
{
    public string Digest => Manifests[^1].Digest;

    public long Bytes => Blobs.Sum(b => b.Size) + Manifests.Sum(m => (long)m.Bytes.Length);
}

/// <summary>Builds images from specs; how a layer's bytes come about is the caller's.</summary>
internal static class ImageBuilder
{
    public static async Task<BuiltImage> BuildAsync(ImageSpec spec, Func<LayerSpec, Task<(BlobSource Blob, string DiffId)>> layerOf)
    {
        var blobs = new List<BlobSource>();
        var manifests = new List<BuiltManifest>();
        foreach (var platform in spec.IsIndex ? spec.Platforms : ["amd64"])
        {
            var layers = new List<(BlobSource Blob, string DiffId)>();
            foreach (var layer in spec.IsIndex ? [.. spec.Layers, OwnLayer(spec, platform)] : spec.Layers)
            {
                layers.Add(await layerOf(layer));
            }

            var config = BlobSource.Of(Config(spec, platform, layers.Select(l => l.DiffId)));
            blobs.AddRange([.. layers.Select(l => l.Blob), config]);
            manifests.Add(Manifest(spec, platform, config, layers.Select(l => l.Blob)));
        }

        if (spec.IsIndex)
        {
            manifests.Add(Index(spec, manifests));
        }

        return new BuiltImage([.. blobs.DistinctBy(b => b.Digest)], [.. manifests.DistinctBy(m => m.Digest)]);
    }

    private static LayerSpec OwnLayer(ImageSpec spec, string platform) =>
        new((spec.Seed * 31) + Encoding.ASCII.GetBytes(platform).Sum(b => (long)b), 2048);

    private static byte[] Config(ImageSpec spec, string platform, IEnumerable<string> diffIds) => Bytes(new JsonObject
    {
        ["architecture"] = platform,
        ["os"] = "linux",
        ["created"] = "2024-01-01T00:00:00Z",
        ["config"] = new JsonObject { ["Labels"] = new JsonObject { ["seed"] = $"{spec.Seed}" }, ["Cmd"] = new JsonArray("/none") },
        ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = new JsonArray([.. diffIds.Select(d => JsonValue.Create(d))]) },
        ["history"] = new JsonArray([.. diffIds.Select(_ => (JsonNode)new JsonObject { ["created"] = "2024-01-01T00:00:00Z", ["created_by"] = "lab" })]),
    });

    private static BuiltManifest Manifest(ImageSpec spec, string platform, BlobSource config, IEnumerable<BlobSource> layers)
    {
        var type = spec.IsDocker ? MediaTypes.DockerManifest : MediaTypes.OciManifest;
        var bytes = Bytes(new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = type,
            ["config"] = Descriptor(spec.IsDocker ? MediaTypes.DockerConfig : MediaTypes.OciConfig, config.Digest, config.Size),
            ["layers"] = new JsonArray([.. layers.Select(l => Descriptor(spec.IsDocker ? MediaTypes.DockerLayer : MediaTypes.OciLayer, l.Digest, l.Size))]),
        });
        return new BuiltManifest(type, bytes, new JsonObject { ["architecture"] = platform, ["os"] = "linux" });
    }

    private static BuiltManifest Index(ImageSpec spec, IEnumerable<BuiltManifest> children)
    {
        var type = spec.IsDocker ? MediaTypes.DockerList : MediaTypes.OciIndex;
        var entries = children.Select(child =>
        {
            var entry = Descriptor(child.MediaType, child.Digest, child.Bytes.Length);
            entry["platform"] = child.Platform!.DeepClone();
            return (JsonNode)entry;
        });
        return new BuiltManifest(type, Bytes(new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = type, ["manifests"] = new JsonArray([.. entries]) }));
    }

    private static JsonObject Descriptor(string mediaType, string digest, long size) =>
        new() { ["mediaType"] = mediaType, ["size"] = size, ["digest"] = digest };

    private static byte[] Bytes(JsonObject value) => Encoding.UTF8.GetBytes(value.ToJsonString());
}
