using System.Text.Json;

namespace GeoDR.Registry;

/// <summary>What a manifest refers to.</summary>
/// <param name="Size">Bytes.</param>
/// <param name="Foreign">Kept elsewhere: only the reference is copied.</param>
public sealed record Descriptor(Digest Digest, string MediaType, long Size, bool Foreign)
{
    /// <summary>"linux/arm64/v8", of an entry of an index that says so.</summary>
    public string? Platform { get; init; }
}

/// <summary>A manifest, byte for byte: the digest is over these bytes.</summary>
public sealed record Manifest(Digest Digest, string MediaType, ReadOnlyMemory<byte> Bytes);

/// <summary>The manifest is not what its media type says.</summary>
public sealed class MalformedManifestException(string message) : Exception(message);

/// <summary>The manifest is longer than registries take.</summary>
public sealed class ManifestTooLargeException(string message) : Exception(message);

/// <summary>A registry served bytes that are not those of the digest asked for.</summary>
public sealed class WrongContentException(string message) : Exception(message);

/// <summary>What must be there before a manifest.</summary>
/// <param name="Manifests">Children of an index.</param>
/// <param name="Blobs">Config and layers, each once; entries of a BuildKit cache index are layers, and so blobs.</param>
public sealed record ManifestContent(IReadOnlyList<Descriptor> Manifests, IReadOnlyList<Descriptor> Blobs, Descriptor? Subject)
{
    /// <exception cref="MalformedManifestException"/>
    public static ManifestContent Parse(Manifest manifest)
    {
        try
        {
            using var document = JsonDocument.Parse(manifest.Bytes, new JsonDocumentOptions { MaxDepth = 32 });
            return Read(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new MalformedManifestException($"the manifest {manifest.Digest} ({manifest.MediaType}) cannot be read: {e.Message}");
        }
    }

    /// <summary>"linux/arm64/v8", where an image's configuration says so.</summary>
    public static string? PlatformOf(ReadOnlyMemory<byte> configuration)
    {
        try
        {
            using var document = JsonDocument.Parse(configuration);
            return PlatformIn(document.RootElement);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static ManifestContent Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
            throw new FormatException("it is not an object");
        var children = new List<Descriptor>();
        var blobs = new List<Descriptor>();
        foreach (var entry in List(root, "manifests"))
        {
            var child = Describe(entry);
            (MediaTypes.IsManifest(child.MediaType) ? children : blobs).Add(child);
        }
        if (root.TryGetProperty("config", out var config) && config.ValueKind != JsonValueKind.Null)
            blobs.Add(Describe(config));
        blobs.AddRange(List(root, "layers").Select(Describe));
        blobs.AddRange(List(root, "blobs").Select(Describe));
        blobs.AddRange(List(root, "fsLayers").Select(l =>
            new Descriptor(Digest.Parse(l.GetProperty("blobSum").GetString()!), "application/octet-stream", -1, false)));
        var subject = root.TryGetProperty("subject", out var s) && s.ValueKind == JsonValueKind.Object ? Describe(s) : null;
        return new([.. children.DistinctBy(d => d.Digest)], [.. blobs.DistinctBy(d => d.Digest)], subject);
    }

    private static JsonElement.ArrayEnumerator List(JsonElement root, string name) =>
        root.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array ? list.EnumerateArray() : default;

    private static Descriptor Describe(JsonElement entry)
    {
        var digest = Digest.Parse(entry.GetProperty("digest").GetString() ?? "");
        var mediaType = entry.TryGetProperty("mediaType", out var type) ? type.GetString() ?? "" : "";
        var size = entry.GetProperty("size").GetInt64();
        if (size < 0)
            throw new FormatException($"{digest} has a negative size");
        return new(digest, mediaType, size, MediaTypes.IsForeignLayer(mediaType)) { Platform = entry.TryGetProperty("platform", out var platform) ? PlatformIn(platform) : null };
    }

    private static string? PlatformIn(JsonElement platform)
    {
        if (platform.ValueKind != JsonValueKind.Object)
            return null;
        return Text("os") is { } os && Text("architecture") is { } architecture
            ? Text("variant") is { } variant ? $"{os}/{architecture}/{variant}" : $"{os}/{architecture}" : null;

        string? Text(string name) => platform.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text ? text : null;
    }
}
