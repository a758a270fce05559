using System.Text.Json;
using System.Text.Json.Nodes;

namespace GeoDR.Lab;

/// <summary>Reads one repository from its tags (and stored revisions) down to the last blob.</summary>
internal sealed class RepositoryReader(RegistryClient client, string repository, SnapshotOptions options)
{
    private readonly Dictionary<string, ManifestSnapshot> _manifests = [];
    private readonly Dictionary<string, long> _blobs = [];
    private readonly HashSet<string> _missing = [];
    private readonly HashSet<string> _damaged = [];

    public async Task<RepositorySnapshot> ReadAsync(CancellationToken cancellationToken)
    {
        var tags = new Dictionary<string, string>();
        foreach (var tag in await client.ListTagsAsync(repository, cancellationToken))
        {
            // A tag can go between the listing and this; then it is not there.
            if (await client.GetManifestAsync(repository, tag, cancellationToken) is { } manifest)
            {
                tags[tag] = manifest.Digest;
                await TakeAsync(manifest, cancellationToken);
            }
        }

        foreach (var digest in Revisions())
        {
            await TakeManifestAsync(digest, cancellationToken);
        }

        return new RepositorySnapshot(repository) { Tags = tags, Manifests = _manifests, Blobs = _blobs, Missing = _missing, Damaged = _damaged };
    }

    private IEnumerable<string> Revisions()
    {
        if (options.StorageDirectory is not { } storage)
        {
            return [];
        }

        var directory = Path.Combine(storage, "docker/registry/v2/repositories", repository, "_manifests/revisions/sha256");
        return Directory.Exists(directory)
            ? Directory.EnumerateDirectories(directory).Where(d => File.Exists(Path.Combine(d, "link"))).Select(d => "sha256:" + Path.GetFileName(d))
            : [];
    }

    private async Task TakeManifestAsync(string digest, CancellationToken cancellationToken)
    {
        if (_manifests.ContainsKey(digest) || _missing.Contains(digest))
        {
            return;
        }

        if (await client.GetManifestAsync(repository, digest, cancellationToken) is not { } manifest)
        {
            _missing.Add(digest);
            return;
        }

        if (manifest.Digest != digest)
        {
            _damaged.Add(digest);
        }

        await TakeAsync(manifest with { Digest = digest }, cancellationToken);
    }

    private async Task TakeAsync(FetchedManifest manifest, CancellationToken cancellationToken)
    {
        if (_manifests.ContainsKey(manifest.Digest))
        {
            return;
        }

        var (children, blobs) = References(manifest.Bytes);
        _manifests[manifest.Digest] = new ManifestSnapshot(manifest.Digest, manifest.MediaType, manifest.Bytes.Length, children, blobs);
        foreach (var child in children)
        {
            await TakeManifestAsync(child, cancellationToken);
        }

        foreach (var blob in blobs)
        {
            await TakeBlobAsync(blob, cancellationToken);
        }
    }

    private async Task TakeBlobAsync(string digest, CancellationToken cancellationToken)
    {
        if (_blobs.ContainsKey(digest) || _missing.Contains(digest))
        {
            return;
        }

        if (await client.HeadBlobAsync(repository, digest, cancellationToken) is not { } size)
        {
            _missing.Add(digest);
            return;
        }

        _blobs[digest] = size;
        if (options.HashBlobs && await HashAsync(digest, cancellationToken) != digest)
        {
            _damaged.Add(digest);
        }
    }

    /// <summary>A body shorter than its announced length is damage too.</summary>
    private async Task<string?> HashAsync(string digest, CancellationToken cancellationToken)
    {
        try
        {
            return await client.HashBlobAsync(repository, digest, cancellationToken);
        }
        catch (Exception e) when (e is HttpIOException or HttpRequestException)
        {
            return null;
        }
    }

    /// <summary>Entries of an index that are no manifests are blobs (BuildKit's caches); layers with urls are foreign and not stored.</summary>
    private static (IReadOnlyList<string> Children, IReadOnlyList<string> Blobs) References(byte[] bytes)
    {
        JsonNode? root;
        try
        {
            root = JsonNode.Parse(bytes);
        }
        catch (JsonException)
        {
            return ([], []);
        }

        var children = new List<string>();
        var blobs = new List<string>();
        foreach (var entry in root?["manifests"]?.AsArray() ?? [])
        {
            (RegistryClient.ManifestTypes.Contains((string?)entry!["mediaType"] ?? "") ? children : blobs).Add((string)entry["digest"]!);
        }

        blobs.AddRange((root?["layers"]?.AsArray() ?? []).Where(l => l!["urls"] is null).Select(l => (string)l!["digest"]!));
        blobs.AddRange((root?["fsLayers"]?.AsArray() ?? []).Select(l => (string)l!["blobSum"]!));
        if ((string?)root?["config"]?["digest"] is { } config)
        {
            blobs.Add(config);
        }

        return (children, blobs);
    }
}
