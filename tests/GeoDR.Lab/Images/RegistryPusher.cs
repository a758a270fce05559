using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;

namespace GeoDR.Lab;

/// <summary>
/// Pushes images with the fewest requests that a registry allows: POST and one PUT for a blob, none for a blob that this pusher
/// already put there, a mount where another repository has it.
/// </summary>
public sealed class RegistryPusher(RegistryClient client)
{
    private readonly ConcurrentDictionary<LayerSpec, Lazy<Task<BlobSource>>> _layers = new();
    private readonly ConcurrentDictionary<(string Repository, string Digest), bool> _held = new();
    private readonly ConcurrentDictionary<string, string> _heldBy = new();

    public RegistryClient Client => client;

    /// <summary>Mount a blob that this pusher put into another repository. Off: every repository gets its bytes by upload.</summary>
    public bool Mount { get; init; } = true;

    /// <summary>Builds and pushes; without a tag by digest alone.</summary>
    public async Task<PushedImage> PushAsync(string repository, string? tag, ImageSpec image, CancellationToken cancellationToken = default)
    {
        var built = await ImageBuilder.BuildAsync(image, LayerAsync);
        foreach (var blob in built.Blobs)
        {
            await PushBlobAsync(repository, blob, cancellationToken);
        }

        foreach (var manifest in built.Manifests)
        {
            var isLast = manifest.Digest == built.Digest;
            await PutManifestAsync(repository, isLast && tag is not null ? tag : manifest.Digest, manifest.MediaType, manifest.Bytes, cancellationToken);
        }

        return new PushedImage(repository, tag, built.Digest, [.. built.Manifests.Select(m => m.Digest)], [.. built.Blobs.Select(b => b.Digest)], built.Bytes);
    }

    /// <summary>Any manifest, by tag or by its digest; gives the digest.</summary>
    public async Task<string> PutManifestAsync(string repository, string reference, string mediaType, byte[] bytes, CancellationToken cancellationToken = default)
    {
        var address = client.Address($"{repository}/manifests/{reference}");
        using var content = new ByteArrayContent(bytes);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(mediaType);
        using var answer = await client.SendAsync(HttpMethod.Put, address, Push(repository), content, cancellationToken: cancellationToken);
        await RegistryClient.EnsureAsync(HttpMethod.Put, address, answer, cancellationToken);
        return Digests.Of(bytes);
    }

    /// <summary>A further tag for a manifest that the repository holds.</summary>
    public async Task TagAsync(string repository, string reference, string tag, CancellationToken cancellationToken = default)
    {
        var manifest = await client.GetManifestAsync(repository, reference, cancellationToken) ?? throw new LabException($"{repository} has no {reference}");
        await PutManifestAsync(repository, tag, manifest.MediaType, manifest.Bytes, cancellationToken);
    }

    /// <summary>Deletes a manifest by digest, and with it every tag that points at it. False when it was not there.</summary>
    public async Task<bool> DeleteAsync(string repository, string digest, CancellationToken cancellationToken = default)
    {
        var address = client.Address($"{repository}/manifests/{digest}");
        using var answer = await client.SendAsync(HttpMethod.Delete, address, $"repository:{repository}:delete,pull,push", cancellationToken: cancellationToken);
        if (answer.StatusCode == HttpStatusCode.NotFound)
        {
            return false;
        }

        await RegistryClient.EnsureAsync(HttpMethod.Delete, address, answer, cancellationToken);
        return true;
    }

    /// <summary>A blob of the caller's own bytes; gives its digest.</summary>
    public async Task<string> PushBlobAsync(string repository, byte[] bytes, CancellationToken cancellationToken = default)
    {
        var blob = BlobSource.Of(bytes);
        await PushBlobAsync(repository, blob, cancellationToken);
        return blob.Digest;
    }

    /// <summary>Forgets what was pushed, after the registry lost it or was given other storage.</summary>
    public void Forget()
    {
        _held.Clear();
        _heldBy.Clear();
    }

    private static string Push(string repository) => $"repository:{repository}:pull,push";

    private async Task PushBlobAsync(string repository, BlobSource blob, CancellationToken cancellationToken)
    {
        if (_held.ContainsKey((repository, blob.Digest)))
        {
            return;
        }

        var from = Mount ? _heldBy.GetValueOrDefault(blob.Digest) : null;
        var scope = from is null ? Push(repository) : $"{Push(repository)} {RegistryClient.Pull(from)}";
        var begin = client.Address($"{repository}/blobs/uploads/" + (from is null ? "" : $"?mount={blob.Digest}&from={from}"));
        using var begun = await client.SendAsync(HttpMethod.Post, begin, scope, cancellationToken: cancellationToken);
        await RegistryClient.EnsureAsync(HttpMethod.Post, begin, begun, cancellationToken);
        if (begun.StatusCode != HttpStatusCode.Created)
        {
            await UploadAsync(repository, blob, new Uri(client.Url, begun.Headers.Location!), cancellationToken);
        }

        _held[(repository, blob.Digest)] = true;
        _heldBy.TryAdd(blob.Digest, repository);
    }

    private async Task UploadAsync(string repository, BlobSource blob, Uri location, CancellationToken cancellationToken)
    {
        var address = new Uri(location.AbsoluteUri + (location.Query.Length == 0 ? "?" : "&") + $"digest={blob.Digest}");
        await using var stream = blob.Open();
        using var content = new StreamContent(stream, 128 * 1024);
        content.Headers.ContentLength = blob.Size;
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        using var answer = await client.SendAsync(HttpMethod.Put, address, Push(repository), content, cancellationToken: cancellationToken);
        await RegistryClient.EnsureAsync(HttpMethod.Put, address, answer, cancellationToken);
    }

    /// <summary>Raw random bytes: no registry looks inside a layer. Hashed once for each layer, not for each push.</summary>
    private async Task<(BlobSource Blob, string DiffId)> LayerAsync(LayerSpec layer)
    {
        var blob = await _layers.GetOrAdd(layer, l => new Lazy<Task<BlobSource>>(() => Task.Run(async () =>
        {
            await using var stream = new RandomStream(l.Seed, l.Size);
            return new BlobSource(await Digests.OfAsync(stream), l.Size, () => new RandomStream(l.Seed, l.Size));
        }))).Value;
        return (blob, blob.Digest);
    }
}
