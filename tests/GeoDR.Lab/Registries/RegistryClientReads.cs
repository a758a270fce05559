using System.Net;
using System.Text.Json.Nodes;

namespace GeoDR.Lab;

/// <summary>A manifest as a registry gave it: its bytes are what the digest is over.</summary>
public sealed record FetchedManifest(string Digest, string MediaType, byte[] Bytes);

public sealed partial class RegistryClient
{
    private static readonly string s_catalogScope = "registry:catalog:*";

    /// <summary>Every repository, page by page.</summary>
    public async Task<IReadOnlyList<string>> ListRepositoriesAsync(CancellationToken cancellationToken = default)
    {
        var names = new List<string>();
        for (var next = Address("_catalog?n=100"); next is not null;)
        {
            using var answer = await GetAsync(next, s_catalogScope, cancellationToken);
            var page = JsonNode.Parse(await answer.Content.ReadAsStringAsync(cancellationToken))!["repositories"]!.AsArray();
            names.AddRange(page.Select(n => (string)n!));
            next = NextPage(answer);
        }

        return names;
    }

    /// <summary>Every tag of a repository; empty where the registry knows no such repository or it holds no tag.</summary>
    public async Task<IReadOnlyList<string>> ListTagsAsync(string repository, CancellationToken cancellationToken = default)
    {
        var tags = new HashSet<string>();
        for (var next = Address($"{repository}/tags/list"); next is not null;)
        {
            using var answer = await SendAsync(HttpMethod.Get, next, Pull(repository), cancellationToken: cancellationToken);
            if (answer.StatusCode == HttpStatusCode.NotFound)
            {
                return [];
            }

            await EnsureAsync(HttpMethod.Get, next, answer, cancellationToken);
            var page = JsonNode.Parse(await answer.Content.ReadAsStringAsync(cancellationToken))!["tags"]?.AsArray();
            tags.UnionWith(page?.Select(n => (string)n!) ?? []);
            next = NextPage(answer);
        }

        return [.. tags.Order(StringComparer.Ordinal)];
    }

    /// <summary>A manifest by tag or digest; null when the registry has none.</summary>
    public async Task<FetchedManifest?> GetManifestAsync(string repository, string reference, CancellationToken cancellationToken = default)
    {
        var address = Address($"{repository}/manifests/{reference}");
        using var answer = await SendAsync(HttpMethod.Get, address, Pull(repository), acceptManifests: true, cancellationToken: cancellationToken);
        if (answer.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }

        await EnsureAsync(HttpMethod.Get, address, answer, cancellationToken);
        var bytes = await answer.Content.ReadAsByteArrayAsync(cancellationToken);
        var mediaType = answer.Content.Headers.ContentType!.MediaType!;
        // Distribution signs schema 1 anew for each answer; what stays the same is the payload, and its digest is the header's.
        var digest = mediaType == SchemaOneManifest.MediaType ? answer.Headers.GetValues("Docker-Content-Digest").Single() : Digests.Of(bytes);
        return new FetchedManifest(digest, mediaType, bytes);
    }

    /// <summary>What a tag points at, without fetching it; null when the registry has none.</summary>
    public async Task<string?> ResolveAsync(string repository, string reference, CancellationToken cancellationToken = default)
    {
        var address = Address($"{repository}/manifests/{reference}");
        for (var tries = 3; ; tries--)
        {
            using var answer = await SendAsync(HttpMethod.Head, address, Pull(repository), acceptManifests: true, cancellationToken: cancellationToken);
            if (answer.StatusCode == HttpStatusCode.NotFound)
            {
                return null;
            }

            // Distribution empties a tag's link before it writes it: who asks in between gets a 500.
            if (answer.StatusCode == HttpStatusCode.InternalServerError && tries > 1)
            {
                await Task.Delay(50, cancellationToken);
                continue;
            }

            await EnsureAsync(HttpMethod.Head, address, answer, cancellationToken);
            return answer.Headers.GetValues("Docker-Content-Digest").Single();
        }
    }

    /// <summary>The size of a blob; null when the repository does not hold it.</summary>
    public async Task<long?> HeadBlobAsync(string repository, string digest, CancellationToken cancellationToken = default)
    {
        var address = Address($"{repository}/blobs/{digest}");
        using var answer = await SendAsync(HttpMethod.Head, address, Pull(repository), cancellationToken: cancellationToken);
        if (answer.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }

        await EnsureAsync(HttpMethod.Head, address, answer, cancellationToken);
        return answer.Content.Headers.ContentLength;
    }

    /// <summary>Reads a blob to its end and hashes what came.</summary>
    public async Task<string?> HashBlobAsync(string repository, string digest, CancellationToken cancellationToken = default)
    {
        var address = Address($"{repository}/blobs/{digest}");
        using var answer = await SendAsync(HttpMethod.Get, address, Pull(repository), cancellationToken: cancellationToken);
        if (answer.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }

        await EnsureAsync(HttpMethod.Get, address, answer, cancellationToken);
        await using var body = await answer.Content.ReadAsStreamAsync(cancellationToken);
        return await Digests.OfAsync(body, cancellationToken);
    }

    internal static string Pull(string repository) => $"repository:{repository}:pull";

    internal static async Task EnsureAsync(HttpMethod method, Uri address, HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        if (!answer.IsSuccessStatusCode)
        {
            throw await FaultAsync(method, address, answer, cancellationToken);
        }
    }

    private async Task<HttpResponseMessage> GetAsync(Uri address, string scope, CancellationToken cancellationToken)
    {
        var answer = await SendAsync(HttpMethod.Get, address, scope, cancellationToken: cancellationToken);
        await EnsureAsync(HttpMethod.Get, address, answer, cancellationToken);
        return answer;
    }

    private Uri? NextPage(HttpResponseMessage answer)
    {
        if (!answer.Headers.TryGetValues("Link", out var links) || links.FirstOrDefault() is not { } link)
        {
            return null;
        }

        return new Uri(Url, link[(link.IndexOf('<', StringComparison.Ordinal) + 1)..link.IndexOf('>', StringComparison.Ordinal)]);
    }
}
