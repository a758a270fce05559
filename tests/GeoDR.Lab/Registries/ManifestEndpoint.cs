using Microsoft.Net.Http.Headers;
using System.Text.RegularExpressions;

namespace GeoDR.Lab.Registries;

/// <summary>Manifests by tag and by digest.</summary>
sealed partial class ManifestEndpoint(RegistryStore store, LabRegistrySwitches switches, RegistryEvents events, TimeProvider time)
{
    public Task HandleAsync(RegistryCall call)
    {
        if (call.Reference.Contains(':') ? !LabDigest.IsValid(call.Reference) : !TagName().IsMatch(call.Reference))
        {
            return call.Reference.Contains(':') ? call.DigestInvalidAsync() : call.ErrorAsync(404, "TAG_INVALID", "manifest tag did not match URI");
        }

        return call.Method switch
        {
            "GET" or "HEAD" => SendAsync(call),
            "PUT" => PutAsync(call),
            "DELETE" => DeleteAsync(call),
            _ => call.UnsupportedAsync(),
        };
    }

    static string? Tag(RegistryCall call) => call.Reference.Contains(':') ? null : call.Reference;

    static Task UnknownAsync(RegistryCall call) => call.ErrorAsync(404, "MANIFEST_UNKNOWN", "manifest unknown");

    async Task SendAsync(RegistryCall call)
    {
        var repository = store.Find(call.Repository);
        var digest = Tag(call) is { } tag ? repository?.Tag(tag, time.GetUtcNow()) : call.Reference;
        var manifest = digest is null ? null : repository?.Manifest(digest);
        if (manifest is null || !Accepts(call, manifest.MediaType))
        {
            await UnknownAsync(call);
            return;
        }

        events.Manifest(call, "pull", manifest, Tag(call));
        var response = call.Http.Response;
        response.Headers["Docker-Content-Digest"] = manifest.Digest;
        response.Headers.ETag = $"\"{manifest.Digest}\"";
        if (call.Http.Request.Headers.IfNoneMatch.ToString().Trim('"') == manifest.Digest)
        {
            response.StatusCode = 304;
            return;
        }

        response.ContentType = manifest.MediaType;
        await ContentWriter.SendAsync(call.Http, new BlobContent(manifest.Bytes.ToArray()), switches.Corrupt.GetValueOrDefault(manifest.Digest));
    }

    /// <summary>Distribution answers 404, not 406, to a client that does not accept what is there; so does this.</summary>
    static bool Accepts(RegistryCall call, string mediaType) =>
        MediaTypeHeaderValue.TryParseList(call.Http.Request.Headers.Accept, out var accepted)
        && accepted.Any(a => a.MediaType.Equals(mediaType, StringComparison.OrdinalIgnoreCase) || a.MatchesAllTypes);

    async Task PutAsync(RegistryCall call)
    {
        using var body = new MemoryStream();
        await call.Http.Request.Body.CopyToAsync(body, call.Cancel);
        var mediaType = (call.Http.Request.ContentType ?? "").Split(';')[0].Trim();
        if (body.Length > switches.MaxManifestSize)
        {
            await call.ErrorAsync(413, "MANIFEST_INVALID", "manifest too large");
            return;
        }

        var manifest = LabMediaTypes.Manifests.Contains(mediaType) ? StoredManifest.Parse(mediaType, body.ToArray()) : null;
        if (switches.RefusedManifestTypes.TryGetValue(mediaType, out var refusal) || manifest is null)
        {
            await call.ErrorAsync(refusal == 0 ? 400 : refusal, "MANIFEST_INVALID", "manifest invalid");
            return;
        }

        var repository = store.Find(call.Repository) ?? new Repository();
        if (Tag(call) is null && LabDigest.Of(new MemoryStream(body.ToArray()), LabDigest.Algorithm(call.Reference)) != call.Reference)
        {
            await call.DigestInvalidAsync();
            return;
        }

        if (Missing(repository, manifest) is { } missing)
        {
            await call.ErrorAsync(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", missing);
            return;
        }

        if (Tag(call) is { } tag && switches.ImmutableTags && repository.Tag(tag, time.GetUtcNow()) is { } old && old != manifest.Digest)
        {
            await call.ErrorAsync(409, "DENIED", "tag is immutable", new { tag });
            return;
        }

        await StoreAsync(call, manifest with { Digest = Tag(call) is null ? call.Reference : manifest.Digest });
    }

    async Task StoreAsync(RegistryCall call, StoredManifest manifest)
    {
        var repository = store.GetOrAdd(call.Repository);
        repository.Put(manifest);
        // The event goes before the link, as with Distribution (distribution#2625).
        events.Manifest(call, "push", manifest, Tag(call));
        if (Tag(call) is { } tag)
        {
            repository.SetTag(tag, manifest.Digest, time.GetUtcNow(), switches.TagLinkDelay);
        }

        var headers = call.Http.Response.Headers;
        headers.Location = call.Locate($"/v2/{call.Repository}/manifests/{manifest.Digest}");
        headers["Docker-Content-Digest"] = manifest.Digest;
        if (manifest.Subject is not null && switches.Referrers)
        {
            headers["OCI-Subject"] = manifest.Subject;
        }

        await call.EmptyAsync(201);
    }

    /// <summary>Index entries may be blobs: that is how BuildKit's caches are made, and Distribution takes them.</summary>
    string? Missing(Repository repository, StoredManifest manifest) =>
        manifest.Blobs.FirstOrDefault(b => !b.IsForeign && !repository.HasBlob(b.Digest))?.Digest
        ?? manifest.Children.FirstOrDefault(c => !switches.SparseIndexes && repository.Manifest(c.Digest) is null && !repository.HasBlob(c.Digest))?.Digest;

    Task DeleteAsync(RegistryCall call)
    {
        var repository = store.GetOrAdd(call.Repository);
        return Tag(call) is { } tag ? DeleteTagAsync(call, repository, tag) : DeleteDigestAsync(call, repository);
    }

    Task DeleteTagAsync(RegistryCall call, Repository repository, string tag)
    {
        if (!switches.DeleteByTag)
        {
            return switches.DeleteByTagRefusal == 400
                ? call.DigestInvalidAsync()
                : call.ErrorAsync(switches.DeleteByTagRefusal, "UNSUPPORTED", "The operation is unsupported.");
        }

        if (switches.ImmutableTags && repository.Tag(tag, time.GetUtcNow()) is not null)
        {
            return call.ErrorAsync(409, "DENIED", "tag is immutable", new { tag });
        }

        if (!repository.RemoveTag(tag))
        {
            return UnknownAsync(call);
        }

        events.Deleted(call, null, tag);
        return call.EmptyAsync(202);
    }

    Task DeleteDigestAsync(RegistryCall call, Repository repository)
    {
        if (repository.Remove(call.Reference, time.GetUtcNow()) is not { } tags)
        {
            return UnknownAsync(call);
        }

        events.Deleted(call, call.Reference, null);
        foreach (var tag in tags)
        {
            events.Deleted(call, null, tag);
        }

        return call.EmptyAsync(202);
    }

    [GeneratedRegex("^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$")]
    private static partial Regex TagName();
}
