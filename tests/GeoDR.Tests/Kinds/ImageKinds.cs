using System.Text;
using System.Text.Json.Nodes;
using GeoDR.Lab;

namespace GeoDR.Tests.Kinds;

/// <summary>One of each kind of thing that a registry can hold, pushed by plain requests.</summary>
internal sealed class ImageKinds(RegistryPusher pusher, string repository, CancellationToken cancel)
{
    /// <summary>Digests that no tag reaches and that must travel all the same.</summary>
    public HashSet<string> ByDigestAlone { get; } = [];

    public static IReadOnlyList<string> Names { get; } =
    [
        "docker", "docker-list", "oci", "oci-index", "nested-8-deep", "schema-1", "buildkit-cache", "artifact-without-layers", "cosign-tag",
        "fallback-referrers", "by-digest-alone", "foreign-layer", "empty-and-repeated-layers", "manifest-of-4-mib", "two-tags-one-digest",
    ];

    public async Task PushAsync(string kind)
    {
        var seed = kind.Aggregate(7L, (sum, c) => (sum * 31) + c) & 0xFFFFFF;
        switch (kind)
        {
            case "docker": await ImageAsync(ImageKind.Docker, seed); break;
            case "docker-list": await ImageAsync(ImageKind.DockerList, seed); break;
            case "oci": await ImageAsync(ImageKind.Oci, seed); break;
            case "oci-index": await ImageAsync(ImageKind.OciIndex, seed); break;
            case "nested-8-deep": await NestedAsync(seed); break;
            case "schema-1": await SchemaOneAsync(); break;
            case "buildkit-cache": await BuildKitCacheAsync(); break;
            case "artifact-without-layers": await PutAsync("v1", await ArtifactAsync("application/example.thing", null, [])); break;
            case "cosign-tag": await CosignAsync(seed); break;
            case "fallback-referrers": await FallbackAsync(seed); break;
            case "by-digest-alone": ByDigestAlone.Add((await pusher.PushAsync(repository, null, ImageSpec.Random(ImageKind.Oci, seed), cancel)).Digest); break;
            case "foreign-layer": await ForeignAsync(); break;
            case "empty-and-repeated-layers": await EmptyAndRepeatedAsync(); break;
            case "manifest-of-4-mib": await PutAsync("v1", await ArtifactAsync("application/example.big", null, [], new string('x', (4 << 20) - 2000))); break;
            case "two-tags-one-digest":
                await ImageAsync(ImageKind.Oci, seed);
                await pusher.TagAsync(repository, "v1", "v2", cancel);
                break;
            default: throw new ArgumentOutOfRangeException(nameof(kind));
        }
    }

    private Task<PushedImage> ImageAsync(ImageKind kind, long seed, string tag = "v1") =>
        pusher.PushAsync(repository, tag, ImageSpec.Random(kind, seed), cancel);

    private async Task NestedAsync(long seed)
    {
        var image = await pusher.PushAsync(repository, null, ImageSpec.Random(ImageKind.Oci, seed), cancel);
        var inner = (await pusher.Client.GetManifestAsync(repository, image.Digest, cancel))!;
        var entry = Descriptor(inner.MediaType, inner.Digest, inner.Bytes.Length);
        for (var depth = 1; depth <= 8; depth++)
        {
            var index = Bytes(new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = MediaTypes.OciIndex, ["manifests"] = new JsonArray(entry) });
            await pusher.PutManifestAsync(repository, depth == 8 ? "v1" : Digests.Of(index), MediaTypes.OciIndex, index, cancel);
            entry = Descriptor(MediaTypes.OciIndex, Digests.Of(index), index.Length);
        }
    }

    private async Task SchemaOneAsync()
    {
        var layer = await pusher.PushBlobAsync(repository, "an old layer"u8.ToArray(), cancel);
        await pusher.PutManifestAsync(repository, "v1", SchemaOneManifest.MediaType, SchemaOneManifest.Create(repository, "v1", layer), cancel);
    }

    private async Task BuildKitCacheAsync()
    {
        var entries = new JsonArray();
        foreach (var (text, type) in new[] { ("cached layer", MediaTypes.OciLayer), ("{}cache", "application/vnd.buildkit.cacheconfig.v0") })
            entries.Add(await BlobAsync(Encoding.UTF8.GetBytes(text), type));
        await PutAsync("cache", new JsonObject { ["schemaVersion"] = 2, ["mediaType"] = MediaTypes.OciIndex, ["manifests"] = entries });
    }

    private async Task CosignAsync(long seed)
    {
        var image = await ImageAsync(ImageKind.Oci, seed);
        foreach (var suffix in new[] { "sig", "att", "sbom" })
            await PutAsync($"{image.Digest.Replace(':', '-')}.{suffix}", await ArtifactAsync($"application/vnd.dev.cosign.{suffix}", null, [Encoding.UTF8.GetBytes($"{suffix} of {seed}")]));
    }

    /// <summary>A signature by the fallback tag, and a signature of the signature.</summary>
    private async Task FallbackAsync(long seed)
    {
        var image = await ImageAsync(ImageKind.Oci, seed);
        var (type, digest, size) = (MediaTypes.OciManifest, image.Digest, (await pusher.Client.GetManifestAsync(repository, image.Digest, cancel))!.Bytes.Length);
        for (var level = 1; level <= 2; level++)
        {
            var signature = Bytes(await ArtifactAsync("application/example.signature", Descriptor(type, digest, size), [Encoding.UTF8.GetBytes($"signature {level} of {seed}")]));
            await pusher.PutManifestAsync(repository, Digests.Of(signature), MediaTypes.OciManifest, signature, cancel);
            await PutAsync(digest.Replace(':', '-'), new JsonObject
            {
                ["schemaVersion"] = 2,
                ["mediaType"] = MediaTypes.OciIndex,
                ["manifests"] = new JsonArray(Descriptor(MediaTypes.OciManifest, Digests.Of(signature), signature.Length)),
            });
            (digest, size) = (Digests.Of(signature), signature.Length);
        }
    }

    private async Task ForeignAsync()
    {
        var foreign = Descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "sha256:" + new string('a', 64), 123_456);
        foreign["urls"] = new JsonArray("https://example.invalid/layer");
        await PutAsync("v1", new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.DockerManifest,
            ["config"] = await BlobAsync("{\"os\":\"windows\"}"u8.ToArray(), MediaTypes.DockerConfig),
            ["layers"] = new JsonArray(foreign, await BlobAsync("on top"u8.ToArray(), MediaTypes.DockerLayer)),
        });
    }

    private async Task EmptyAndRepeatedAsync()
    {
        var twice = "twice"u8.ToArray();
        await PutAsync("v1", await ArtifactAsync("application/example.repeated", null, [[], twice, twice]));
    }

    private async Task<JsonObject> ArtifactAsync(string type, JsonObject? subject, IReadOnlyList<byte[]> layers, string? note = null)
    {
        var entries = new JsonArray();
        foreach (var layer in layers)
            entries.Add(await BlobAsync(layer, MediaTypes.OciLayer));
        var manifest = new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["artifactType"] = type,
            ["config"] = await BlobAsync("{}"u8.ToArray(), "application/vnd.oci.empty.v1+json"),
            ["layers"] = entries,
        };
        if (subject is not null)
            manifest["subject"] = subject;
        if (note is not null)
            manifest["annotations"] = new JsonObject { ["note"] = note };
        return manifest;
    }

    private async Task<JsonObject> BlobAsync(byte[] bytes, string type) => Descriptor(type, await pusher.PushBlobAsync(repository, bytes, cancel), bytes.Length);

    private Task<string> PutAsync(string tag, JsonObject manifest) =>
        pusher.PutManifestAsync(repository, tag, (string)manifest["mediaType"]!, Bytes(manifest), cancel);

    private static JsonObject Descriptor(string type, string digest, long size) => new() { ["mediaType"] = type, ["digest"] = digest, ["size"] = size };

    private static byte[] Bytes(JsonObject manifest) => Encoding.UTF8.GetBytes(manifest.ToJsonString());
}
