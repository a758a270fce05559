using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace GeoDR.Registry;

/// <summary>An upload that was begun: where its bytes go.</summary>
public sealed record BlobUpload(Uri Location, IReadOnlyList<Scope> Scopes);

/// <summary>A client of one registry (OCI distribution specification 1.1). Safe for concurrent use.</summary>
/// <remarks>Every call throws <see cref="RegistryException"/> where the registry answers with an error or not at all.</remarks>
public sealed class RegistryClient(RegistryOptions options, Func<AuthChallenge?, ITokenSource?> tokensFor) : IDisposable
{
    /// <summary>Registries take 4 MiB (specification, "Pushing Manifests").</summary>
    public const int MaxManifestBytes = 4 * 1024 * 1024;

    /// <summary>Names in a page of the catalog, for who reads all of it.</summary>
    public const int CatalogPage = 1000;

    private const int SmallCatalogPage = 100;

    private readonly RegistryTransport _transport = new(options, tokensFor);
    private volatile bool _noReferrers;
    private volatile int _catalogPage = CatalogPage;

    /// <summary>How the registry asked for credentials; null before the first call and where it does not.</summary>
    public AuthChallenge? Challenge => _transport.Challenge;

    public DateTimeOffset? ServerTime => _transport.ServerTime;

    /// <summary>Asks the API root: an answer, also one that asks for credentials, says the registry lives.</summary>
    public Task PingAsync(CancellationToken cancel) => _transport.PingAsync(cancel);

    /// <summary>Null where the registry has no such manifest.</summary>
    /// <exception cref="WrongContentException"/>
    /// <exception cref="ManifestTooLargeException"/>
    public async Task<Manifest?> GetManifestAsync(string repository, string reference, CancellationToken cancel)
    {
        using var response = await ManifestAsync(HttpMethod.Get, repository, reference, cancel);
        if (response.StatusCode == HttpStatusCode.NotFound)
            return null;
        var bytes = await ReadAsync(response, $"{repository}:{reference}", cancel);
        var mediaType = response.Content.Headers.ContentType?.MediaType ?? MediaTypes.OciManifest;
        var asked = Digest.TryParse(reference, out var digest) ? digest : (Digest?)null;
        var told = DigestHeader(response);
        var hashed = mediaType == MediaTypes.DockerSchema1Signed ? SignedSchema1.Payload(bytes) : bytes;
        var found = (asked ?? told)?.Of(hashed.Span) ?? Digest.OfSha256(hashed.Span);
        if ((asked ?? told ?? found) != found)
            throw new WrongContentException($"the {options.Name} served a manifest with {found} for {asked ?? told}");
        return new Manifest(found, mediaType, bytes);
    }

    /// <summary>Null where the registry has no such manifest; an answer without a digest is read whole.</summary>
    public async Task<Digest?> HeadManifestAsync(string repository, string reference, CancellationToken cancel)
    {
        using var response = await ManifestAsync(HttpMethod.Head, repository, reference, cancel);
        if (response.StatusCode == HttpStatusCode.NotFound)
            return null;
        return DigestHeader(response) ?? (await GetManifestAsync(repository, reference, cancel))?.Digest;
    }

    /// <summary>
    /// What a reference points to at a registry that is written to; null also where the registry answers 500. One that was killed while
    /// it wrote a link (Distribution 2.8 truncates it first) answers so for it from then on, and only writing it again mends that.
    /// </summary>
    public async Task<Digest?> FindManifestAsync(string repository, string reference, CancellationToken cancel)
    {
        try
        {
            return await HeadManifestAsync(repository, reference, cancel);
        }
        catch (RegistryException e) when (e.Status is HttpStatusCode.InternalServerError)
        {
            return null;
        }
    }

    /// <summary>Pages of tags. An unknown repository is an error with status 404: what that means is the caller's to say.</summary>
    public IAsyncEnumerable<IReadOnlyList<string>> ListTagsAsync(string repository, CancellationToken cancel) =>
        PagesAsync($"v2/{options.NameAt(repository)}/tags/list", "tags", [Pull(repository)], OciNames.IsTag, cancel);

    /// <summary>Pages of repository names after the given one.</summary>
    /// <remarks>
    /// Distribution walks its storage from the beginning for each page, so that few large ones spare it. What is above its cap
    /// (catalog.maxentries, 1,000 where nobody changed it) is answered with 400: then pages are of <see cref="SmallCatalogPage"/>.
    /// </remarks>
    /// <param name="pageSize">At most so many names in a page.</param>
    public async IAsyncEnumerable<IReadOnlyList<string>> ListCatalogAsync(string? after, int pageSize, [EnumeratorCancellation] CancellationToken cancel)
    {
        while (true)
        {
            var size = Math.Min(pageSize, _catalogPage);
            await using var pages = Catalog(size).GetAsyncEnumerator(cancel);
            try
            {
                if (!await pages.MoveNextAsync())
                    yield break;
            }
            catch (RegistryException e) when (e.Status is HttpStatusCode.BadRequest && size > SmallCatalogPage)
            {
                _catalogPage = SmallCatalogPage;
                continue;
            }
            do
                yield return pages.Current;
            while (await pages.MoveNextAsync());
            yield break;
        }

        IAsyncEnumerable<IReadOnlyList<string>> Catalog(int size) =>
            PagesAsync($"v2/_catalog?n={size}{(after is null ? "" : $"&last={Uri.EscapeDataString(after)}")}", "repositories", [Scope.Catalog], _ => true, cancel);
    }

    /// <summary>Whether the registry has a blob; false also where it answers 500, as <see cref="FindManifestAsync"/>.</summary>
    public async Task<bool> HasBlobAsync(string repository, Digest digest, CancellationToken cancel)
    {
        try
        {
            return await BlobSizeAsync(repository, digest, cancel) is not null;
        }
        catch (RegistryException e) when (e.Status is HttpStatusCode.InternalServerError)
        {
            return false;
        }
    }

    /// <summary>Bytes of a blob; null where the registry has none, -1 where it does not say how many.</summary>
    public async Task<long?> BlobSizeAsync(string repository, Digest digest, CancellationToken cancel)
    {
        using var response = await _transport.SendAsync(
            () => new(HttpMethod.Head, _transport.Resolve($"v2/{options.NameAt(repository)}/blobs/{digest}")), [Pull(repository)],
            r => r.IsSuccessStatusCode || r.StatusCode == HttpStatusCode.NotFound || IsRedirect(r), cancel);
        return response.StatusCode == HttpStatusCode.NotFound ? null : response.IsSuccessStatusCode ? response.Content.Headers.ContentLength ?? -1 : -1;
    }

    /// <summary>Opens a blob from <paramref name="offset"/> on; a redirect to where it is stored is followed without credentials.</summary>
    public async Task<BlobSource> OpenBlobAsync(string repository, Digest digest, long offset, CancellationToken cancel)
    {
        var range = offset > 0 ? new RangeHeaderValue(offset, null) : null;
        var uri = _transport.Resolve($"v2/{options.NameAt(repository)}/blobs/{digest}");
        var response = await _transport.SendAsync(
            () => new(HttpMethod.Get, uri) { Headers = { Range = range } }, [Pull(repository)],
            r => r.IsSuccessStatusCode || IsRedirect(r), cancel);
        if (IsRedirect(response) && response.Headers.Location is { } location)
        {
            response.Dispose();
            response = await _transport.FollowAsync(new Uri(uri, location), range, cancel);
        }
        // A registry without ranges sends all of it again (RFC 9110, section 14.2); another range than asked for is of no use.
        var skip = offset > 0 && response.StatusCode == HttpStatusCode.OK ? offset : 0;
        if (offset > 0 && skip == 0 && response.Content.Headers.ContentRange?.From != offset)
        {
            response.Dispose();
            throw _transport.Unreachable(HttpMethod.Get, uri, $"asked for a blob from byte {offset}, answered another range", null);
        }
        return new BlobSource(response, await response.Content.ReadAsStreamAsync(cancel), skip, options.IdleTimeout,
            (reason, inner) => _transport.Unreachable(HttpMethod.Get, uri, reason, inner));
    }

    /// <summary>Begins an upload, or mounts the blob from another repository; null when it was mounted.</summary>
    public async Task<BlobUpload?> StartUploadAsync(string repository, (Digest Digest, string From)? mount, CancellationToken cancel)
    {
        IReadOnlyList<Scope> scopes = mount is { } m ? [Push(repository), Pull(m.From)] : [Push(repository)];
        var query = mount is { } w ? $"?mount={w.Digest}&from={Uri.EscapeDataString(options.NameAt(w.From))}" : "";
        var uri = _transport.Resolve($"v2/{options.NameAt(repository)}/blobs/uploads/{query}");
        using var response = await _transport.SendAsync(
            () => new(HttpMethod.Post, uri) { Content = new ByteArrayContent([]) }, scopes,
            r => r.StatusCode is HttpStatusCode.Accepted or HttpStatusCode.Created, cancel);
        if (response.StatusCode == HttpStatusCode.Created)
            return null;
        return Location(response, uri) is { } location
            ? ResumeUpload(repository, location)
            : throw _transport.Unreachable(HttpMethod.Post, uri, "the upload has no place on this registry", null);
    }

    /// <summary>An upload that was begun earlier, by whomever.</summary>
    public BlobUpload ResumeUpload(string repository, Uri location) => new(location, [Push(repository)]);

    /// <summary>Sends the blob in one PUT.</summary>
    public async Task CompleteUploadAsync(BlobUpload upload, Digest digest, HttpContent body, CancellationToken cancel)
    {
        var separator = upload.Location.Query.Length > 0 ? "&" : "?";
        var uri = new Uri($"{upload.Location.AbsoluteUri}{separator}digest={Uri.EscapeDataString(digest.ToString())}");
        body.Headers.ContentType = new("application/octet-stream");
        using var response = await _transport.SendAsync(
            () => new(HttpMethod.Put, uri) { Content = body }, upload.Scopes, r => r.StatusCode == HttpStatusCode.Created, cancel, repeatable: false);
    }

    /// <summary>Sends the next part of an upload; the answer says where the one after it goes.</summary>
    /// <param name="offset">Bytes sent before.</param>
    public async Task<BlobUpload> AppendAsync(BlobUpload upload, ReadOnlyMemory<byte> part, long offset, CancellationToken cancel)
    {
        using var response = await _transport.SendAsync(
            () =>
            {
                var content = new ReadOnlyMemoryContent(part) { Headers = { ContentType = new("application/octet-stream") } };
                // The specification's own form, without a unit ("Pushing a blob in chunks").
                content.Headers.TryAddWithoutValidation("Content-Range", $"{offset}-{offset + part.Length - 1}");
                return new(HttpMethod.Patch, upload.Location) { Content = content };
            }, upload.Scopes, r => r.StatusCode is HttpStatusCode.Accepted or HttpStatusCode.Created or HttpStatusCode.NoContent,
            cancel, timeout: options.IdleTimeout + options.RequestTimeout);
        return upload with { Location = Location(response, upload.Location) ?? upload.Location };
    }

    /// <summary>How many bytes of an upload the registry has; null where it does not know the upload (any more).</summary>
    public async Task<(BlobUpload Upload, long Offset)?> UploadStatusAsync(BlobUpload upload, CancellationToken cancel)
    {
        using var response = await _transport.SendAsync(
            () => new(HttpMethod.Get, upload.Location), upload.Scopes, r => r.IsSuccessStatusCode || (int)r.StatusCode is >= 400 and < 500 and not 401 and not 429, cancel);
        if (!response.IsSuccessStatusCode)
            return null;
        var range = response.Headers.TryGetValues("Range", out var values) ? values.FirstOrDefault() : null;
        var end = range?[(range.IndexOf('-', StringComparison.Ordinal) + 1)..];
        // "0-0" is what Distribution answers both to nothing and to one byte; nothing is the one that occurs.
        return long.TryParse(end, out var last) ? (upload with { Location = Location(response, upload.Location) ?? upload.Location }, last == 0 ? 0 : last + 1) : null;
    }

    /// <summary>
    /// Gives an upload up. Distribution wants the right to delete for that, which no push is given: a registry that refuses forgets the
    /// upload by itself in time (Distribution after a week), and nothing went wrong.
    /// </summary>
    /// <returns>False where the registry keeps the upload until it expires.</returns>
    public async Task<bool> CancelUploadAsync(BlobUpload upload, CancellationToken cancel)
    {
        using var response = await _transport.SendAsync(
            () => new(HttpMethod.Delete, upload.Location), upload.Scopes,
            r => r.IsSuccessStatusCode || (int)r.StatusCode is 401 or 403 or 404 or 405, cancel);
        return response.IsSuccessStatusCode || response.StatusCode == HttpStatusCode.NotFound;
    }

    /// <summary>Writes a manifest as it is, under a tag or its digest.</summary>
    /// <param name="timeout">For the whole request: whoever guards the write by a lease must know when it is over.</param>
    public async Task PutManifestAsync(string repository, string reference, Manifest manifest, TimeSpan timeout, CancellationToken cancel)
    {
        using var response = await _transport.SendAsync(
            () => new(HttpMethod.Put, _transport.Resolve($"v2/{options.NameAt(repository)}/manifests/{reference}"))
            {
                Content = new ReadOnlyMemoryContent(manifest.Bytes) { Headers = { ContentType = new(manifest.MediaType) } },
            },
            [Push(repository)], r => r.StatusCode == HttpStatusCode.Created, cancel, timeout: timeout,
            what: manifest.Digest.Algorithm == "sha512" ? $"{manifest.MediaType} by sha512" : manifest.MediaType);
        if (DigestHeader(response) is { } told && told.Algorithm == manifest.Digest.Algorithm && told != manifest.Digest)
            throw new WrongContentException($"the {options.Name} kept {told} for the manifest {manifest.Digest}");
    }

    /// <summary>Deletes a tag, or a manifest by its digest and with it every tag that points there; false where there was none.</summary>
    /// <param name="timeout">As for <see cref="PutManifestAsync"/>.</param>
    public async Task<bool> DeleteManifestAsync(string repository, string reference, TimeSpan timeout, CancellationToken cancel)
    {
        using var response = await _transport.SendAsync(
            () => new(HttpMethod.Delete, _transport.Resolve($"v2/{options.NameAt(repository)}/manifests/{reference}")),
            [new(options.NameAt(repository), false) { Delete = true }],
            r => r.IsSuccessStatusCode || r.StatusCode == HttpStatusCode.NotFound, cancel, timeout: timeout, what: reference);
        return response.StatusCode != HttpStatusCode.NotFound;
    }

    /// <summary>What refers to a manifest; null where the registry has no referrers API (specification, "Listing Referrers").</summary>
    public async Task<IReadOnlyList<Referrer>?> ListReferrersAsync(string repository, Digest subject, CancellationToken cancel)
    {
        if (_noReferrers)
            return null;
        var found = new List<Referrer>();
        Uri? next = _transport.Resolve($"v2/{options.NameAt(repository)}/referrers/{subject}");
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (next is { } uri && seen.Add(uri.AbsoluteUri))
        {
            using var response = await _transport.SendAsync(
                () => new(HttpMethod.Get, uri) { Headers = { Accept = { new(MediaTypes.OciIndex) } } }, [Pull(repository)],
                r => r.IsSuccessStatusCode || (int)r.StatusCode is 400 or 404 or 405 or 501, cancel);
            if (!response.IsSuccessStatusCode)
            {
                // A registry that knows the call answers an empty index for a digest that it does not know.
                _noReferrers = true;
                return null;
            }
            found.AddRange(Referrer.Parse(await ReadAsync(response, $"{repository} referrers of {subject}", cancel))
                ?? throw _transport.Unreachable(HttpMethod.Get, uri, "the list of referrers cannot be read", null));
            next = NextPage(response, uri);
        }
        return found;
    }

    public void Dispose() => _transport.Dispose();

    private Task<HttpResponseMessage> ManifestAsync(HttpMethod method, string repository, string reference, CancellationToken cancel) =>
        _transport.SendAsync(
            () =>
            {
                var request = new HttpRequestMessage(method, _transport.Resolve($"v2/{options.NameAt(repository)}/manifests/{reference}"));
                foreach (var type in MediaTypes.Manifests)
                    request.Headers.Accept.Add(new(type));
                return request;
            },
            [Pull(repository)], r => r.IsSuccessStatusCode || r.StatusCode == HttpStatusCode.NotFound, cancel);

    private Scope Pull(string repository) => new(options.NameAt(repository), false);

    private Scope Push(string repository) => new(options.NameAt(repository), true);

    private async IAsyncEnumerable<IReadOnlyList<string>> PagesAsync(
        string path, string property, IReadOnlyList<Scope> scopes, Func<string, bool> valid, [EnumeratorCancellation] CancellationToken cancel)
    {
        var next = _transport.Resolve(path);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (next is not null)
        {
            var uri = next;
            if (!seen.Add(uri.AbsoluteUri))
                throw _transport.Unreachable(HttpMethod.Get, uri, "the list's pages go round in a circle", null);
            using var response = await _transport.SendAsync(() => new(HttpMethod.Get, uri), scopes, r => r.IsSuccessStatusCode, cancel);
            yield return await NamesAsync(response, uri, property, valid, cancel);
            next = NextPage(response, uri);
        }
    }

    private async Task<IReadOnlyList<string>> NamesAsync(HttpResponseMessage response, Uri uri, string property, Func<string, bool> valid, CancellationToken cancel)
    {
        try
        {
            await using var stream = await response.Content.ReadAsStreamAsync(cancel);
            using var document = await JsonDocument.ParseAsync(stream, default, cancel);
            var list = document.RootElement.GetProperty(property);
            return list.ValueKind == JsonValueKind.Null ? [] : [.. list.EnumerateArray().Select(e => e.GetString() ?? "").Where(valid)];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or IOException)
        {
            // An unreadable list is an error, never an empty one.
            throw _transport.Unreachable(HttpMethod.Get, uri, $"the list cannot be read: {e.Message}", e);
        }
    }

    private Uri? NextPage(HttpResponseMessage response, Uri current)
    {
        if (!response.Headers.TryGetValues("Link", out var links) || links.FirstOrDefault(l => l.Contains("rel=\"next\"", StringComparison.Ordinal)) is not { } link)
            return null;
        var (start, end) = (link.IndexOf('<', StringComparison.Ordinal), link.IndexOf('>', StringComparison.Ordinal));
        if (start < 0 || end < start || !Uri.TryCreate(current, link[(start + 1)..end], out var next) || next.Host != current.Host)
            throw _transport.Unreachable(HttpMethod.Get, current, "the list's next page cannot be followed", null);
        // Behind a proxy the registry may write another scheme or port than it was asked by.
        return new UriBuilder(next) { Scheme = current.Scheme, Port = current.Port }.Uri;
    }

    private async Task<byte[]> ReadAsync(HttpResponseMessage response, string what, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(options.IdleTimeout);
        try
        {
            await using var stream = await response.Content.ReadAsStreamAsync(limit.Token);
            var buffer = new byte[response.Content.Headers.ContentLength is { } known and <= MaxManifestBytes ? (int)known + 1 : MaxManifestBytes + 1];
            var length = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, limit.Token);
            if (length > MaxManifestBytes)
                throw new ManifestTooLargeException($"the manifest {what} is larger than {MaxManifestBytes / 1024 / 1024} MiB");
            return buffer[..length];
        }
        catch (Exception e) when (e is IOException or HttpRequestException || e is OperationCanceledException && !cancel.IsCancellationRequested)
        {
            throw _transport.Unreachable(HttpMethod.Get, response.RequestMessage!.RequestUri!, $"the answer broke off: {e.Message}", e);
        }
    }

    private static Digest? DigestHeader(HttpResponseMessage response) =>
        response.Headers.TryGetValues("Docker-Content-Digest", out var values) && Digest.TryParse(values.FirstOrDefault(), out var digest) ? digest : null;

    /// <summary>Where an upload goes on; null where that is on another host, to which no credentials go.</summary>
    private static Uri? Location(HttpResponseMessage response, Uri asked) =>
        response.Headers.Location is { } l && new Uri(asked, l) is var location && location.Host == asked.Host ? location : null;

    private static bool IsRedirect(HttpResponseMessage response) => (int)response.StatusCode is 301 or 302 or 303 or 307 or 308;
}
