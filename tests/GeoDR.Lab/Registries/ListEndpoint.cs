using System.Text.Json;
using System.Text.Json.Nodes;

namespace GeoDR.Lab.Registries;

/// <summary>Lists: tags, the catalog, referrers.</summary>
sealed class ListEndpoint(RegistryStore store, LabRegistrySwitches switches, TimeProvider time)
{
    public Task TagsAsync(RegistryCall call)
    {
        if (store.Find(call.Repository) is not { } repository)
        {
            return call.NameUnknownAsync();
        }

        var last = call.Query("last");
        var rest = repository.Tags(time.GetUtcNow()).Where(t => string.IsNullOrEmpty(last) || string.CompareOrdinal(t, last) > 0).ToList();
        var count = int.TryParse(call.Query("n"), out var n) && n >= 0 ? n : int.MaxValue;
        var page = rest.Take(count).ToList();
        if (page.Count < rest.Count && page.Count > 0)
        {
            Link(call, $"/v2/{call.Repository}/tags/list", page[^1], count);
        }

        return call.JsonAsync(200, new { name = call.Repository, tags = page });
    }

    public async Task CatalogAsync(RegistryCall call)
    {
        var count = int.TryParse(call.Query("n"), out var n) && n > 0 ? n : Math.Min(100, switches.CatalogMaxPage);
        if (count > switches.CatalogMaxPage)
        {
            await call.ErrorAsync(400, "PAGINATION_NUMBER_INVALID", "invalid number of results requested", new { n });
            return;
        }

        switch (switches.Catalog)
        {
            case CatalogMode.Off:
                await call.ErrorAsync(404, "UNSUPPORTED", "no catalog here");
                return;
            case CatalogMode.Error:
                await call.ErrorAsync(500, "UNKNOWN", "unknown error");
                return;
            case CatalogMode.Empty:
                await call.JsonAsync(200, new { repositories = Array.Empty<string>() });
                return;
            case CatalogMode.HalfPage:
                await call.JsonAsync(200, new { repositories = Half(Page(call, count, link: false)) });
                return;
            case CatalogMode.CutBody:
                var whole = JsonSerializer.SerializeToUtf8Bytes(new { repositories = Page(call, count, link: true) });
                call.Http.Response.ContentType = "application/json; charset=utf-8";
                await ContentWriter.SendAsync(call.Http, new BlobContent(whole), Corruption.WrongLength);
                return;
            default:
                await call.JsonAsync(200, new { repositories = Page(call, count, link: true) });
                return;
        }
    }

    public Task ReferrersAsync(RegistryCall call)
    {
        if (!switches.Referrers)
        {
            return call.ErrorAsync(404, "UNSUPPORTED", "404 page not found");
        }

        if (!LabDigest.IsValid(call.Reference))
        {
            return call.DigestInvalidAsync();
        }

        var found = store.Find(call.Repository)?.Manifests().Where(m => m.Subject == call.Reference) ?? [];
        if (call.Query("artifactType") is { } type)
        {
            found = found.Where(m => m.ArtifactType == type);
            call.Http.Response.Headers["OCI-Filters-Applied"] = "artifactType";
        }

        // An unknown subject is an empty index, not a 404 ("Listing Referrers").
        var index = new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = LabMediaTypes.OciIndex,
            ["manifests"] = new JsonArray([.. found.OrderBy(m => m.Digest, StringComparer.Ordinal).Select(Descriptor)]),
        };
        return call.JsonAsync(200, index, LabMediaTypes.OciIndex);
    }

    static JsonObject Descriptor(StoredManifest manifest)
    {
        var node = new JsonObject
        {
            ["mediaType"] = manifest.MediaType,
            ["digest"] = manifest.Digest,
            ["size"] = manifest.Bytes.Length,
            ["artifactType"] = manifest.ArtifactType,
        };
        if (manifest.Annotations is { } annotations)
        {
            node["annotations"] = annotations.DeepClone();
        }

        return node;
    }

    static IEnumerable<string> Half(List<string> page) => page.Take(page.Count / 2);

    List<string> Page(RegistryCall call, int count, bool link)
    {
        var names = store.Names(call.Query("last"), count + 1);
        if (names.Count <= count)
        {
            return names;
        }

        names.RemoveAt(count);
        if (link)
        {
            Link(call, "/v2/_catalog", names[^1], count);
        }

        return names;
    }

    static void Link(RegistryCall call, string path, string last, int count) =>
        call.Http.Response.Headers.Link = $"<{path}?last={Uri.EscapeDataString(last)}&n={count}>; rel=\"next\"";
}
