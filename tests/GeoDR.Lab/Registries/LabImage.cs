using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace GeoDR.Lab.Registries;

/// <summary>An image, index or artifact made up from a seed: the same seed gives the same bytes.</summary>
public sealed class LabImage
{
    LabImage(string mediaType, JsonObject manifest, Dictionary<string, byte[]> blobs, IReadOnlyList<LabImage> children)
    {
        Manifest = StoredManifest.Parse(mediaType, Encoding.UTF8.GetBytes(manifest.ToJsonString()))!;
        (Blobs, Children) = (blobs, children);
    }

    public StoredManifest Manifest { get; }
    public string Digest => Manifest.Digest;
    public string MediaType => Manifest.MediaType;
    public byte[] ManifestBytes => Manifest.Bytes.ToArray();
    /// <summary>Config and layers by digest, the config first.</summary>
    public IReadOnlyDictionary<string, byte[]> Blobs { get; }
    public IReadOnlyList<LabImage> Children { get; }

    /// <summary>An OCI image; layers of the given sizes in bytes.</summary>
    public static LabImage Create(string seed, params IReadOnlyList<int> layerSizes) => Create(seed, null, null, layerSizes);

    /// <summary>An OCI artifact that refers to <paramref name="subject"/>: a signature, an SBOM.</summary>
    public static LabImage Referrer(string seed, LabImage subject, string artifactType) => Create(seed, subject, artifactType, [64]);

    /// <summary>An OCI index over images (or indexes).</summary>
    public static LabImage Index(params IReadOnlyList<LabImage> children) => new(LabMediaTypes.OciIndex, new JsonObject
    {
        ["schemaVersion"] = 2,
        ["mediaType"] = LabMediaTypes.OciIndex,
        ["manifests"] = new JsonArray([.. children.Select(c => Descriptor(c.MediaType, c.Digest, c.Manifest.Bytes.Length))]),
    }, [], children);

    /// <summary>Pushes to any registry: blobs (POST, PUT), children, manifest. Without a tag, by digest.</summary>
    public async Task PushAsync(HttpClient client, Uri registry, string repository, string? tag, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(client);
        foreach (var (digest, bytes) in Blobs)
        {
            using var begun = await client.PostAsync(new Uri(registry, $"/v2/{repository}/blobs/uploads/"), null, cancel);
            begun.EnsureSuccessStatusCode();
            var location = new Uri(registry, begun.Headers.Location!);
            var finish = new Uri($"{location}{(location.Query.Length > 0 ? '&' : '?')}digest={digest}");
            using var content = new ByteArrayContent(bytes);
            // Without a type of its own, Go's form parser may eat the body (seen with curl's default type).
            content.Headers.ContentType = new("application/octet-stream");
            using var put = await client.PutAsync(finish, content, cancel);
            put.EnsureSuccessStatusCode();
        }

        foreach (var child in Children)
        {
            await child.PushAsync(client, registry, repository, null, cancel);
        }

        using var manifest = new ByteArrayContent(ManifestBytes);
        manifest.Headers.ContentType = new(MediaType);
        using var response = await client.PutAsync(new Uri(registry, $"/v2/{repository}/manifests/{tag ?? Digest}"), manifest, cancel);
        response.EnsureSuccessStatusCode();
    }

    static LabImage Create(string seed, LabImage? subject, string? artifactType, IReadOnlyList<int> layerSizes)
    {
        var config = Encoding.UTF8.GetBytes($$"""{"architecture":"amd64","os":"linux","seed":"{{seed}}"}""");
        var blobs = new Dictionary<string, byte[]> { [LabDigest.Sha256(config)] = config };
        var layers = new JsonArray();
        foreach (var (size, i) in layerSizes.Select((s, i) => (s, i)))
        {
            var bytes = Bytes($"{seed}/{i}", size);
            blobs[LabDigest.Sha256(bytes)] = bytes;
            layers.Add(Descriptor(LabMediaTypes.OciLayer, LabDigest.Sha256(bytes), size));
        }

        var manifest = new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = LabMediaTypes.OciManifest,
            ["config"] = Descriptor(LabMediaTypes.OciConfig, LabDigest.Sha256(config), config.Length),
            ["layers"] = layers,
        };
        if (subject is not null)
        {
            manifest["artifactType"] = artifactType;
            manifest["subject"] = Descriptor(subject.MediaType, subject.Digest, subject.Manifest.Bytes.Length);
        }

        return new LabImage(LabMediaTypes.OciManifest, manifest, blobs, []);
    }

    static JsonObject Descriptor(string mediaType, string digest, long size) =>
        new() { ["mediaType"] = mediaType, ["digest"] = digest, ["size"] = size };

    /// <summary>Incompressible and reproducible; SHAKE is fast enough for hundreds of MiB.</summary>
    static byte[] Bytes(string seed, int size) => Shake128.IsSupported
        ? Shake128.HashData(Encoding.UTF8.GetBytes(seed), size)
        : [.. Enumerable.Repeat(SHA256.HashData(Encoding.UTF8.GetBytes(seed)), (size / 32) + 1).SelectMany(b => b).Take(size)];
}
