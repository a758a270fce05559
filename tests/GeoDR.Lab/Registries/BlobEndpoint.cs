namespace GeoDR.Lab.Registries;

/// <summary>Blobs: GET with Range, HEAD, DELETE.</summary>
sealed class BlobEndpoint(RegistryStore store, LabRegistrySwitches switches, RegistryEvents events, ObjectStorage objects)
{
    public Task HandleAsync(RegistryCall call)
    {
        if (!LabDigest.IsValid(call.Reference))
        {
            return call.DigestInvalidAsync();
        }

        var repository = store.Find(call.Repository);
        if (repository?.HasBlob(call.Reference) != true || store.Blob(call.Reference) is not { } content)
        {
            return call.ErrorAsync(404, "BLOB_UNKNOWN", "blob unknown to registry", call.Reference);
        }

        return call.Method switch
        {
            "GET" or "HEAD" => SendAsync(call, content),
            "DELETE" => DeleteAsync(call),
            _ => call.UnsupportedAsync(),
        };
    }

    Task SendAsync(RegistryCall call, BlobContent content)
    {
        events.Blob(call, "pull", call.Reference, content.Size);
        var response = call.Http.Response;
        if (switches.RedirectBlobs && call.Method == "GET")
        {
            response.Headers.Location = objects.Sign(call.Reference, switches.RedirectLifetime);
            return call.EmptyAsync(307);
        }

        response.ContentType = "application/octet-stream";
        response.Headers["Docker-Content-Digest"] = call.Reference;
        response.Headers.ETag = $"\"{call.Reference}\"";
        return ContentWriter.SendAsync(call.Http, content, switches.Corrupt.GetValueOrDefault(call.Reference));
    }

    Task DeleteAsync(RegistryCall call)
    {
        store.GetOrAdd(call.Repository).Unlink(call.Reference);
        events.Deleted(call, call.Reference, null);
        return call.EmptyAsync(202);
    }
}
