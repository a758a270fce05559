using System.Text.RegularExpressions;

namespace GeoDR.Lab.Registries;

/// <summary>Uploads: begin, mount, chunks, status, finish, cancel.</summary>
sealed partial class UploadEndpoint(RegistryStore store, LabRegistrySwitches switches, RegistryEvents events)
{
    public async Task HandleAsync(RegistryCall call)
    {
        if (call.Reference.Length == 0)
        {
            await (call.Method == "POST" ? BeginAsync(call) : call.UnsupportedAsync());
            return;
        }

        if (!store.Uploads.TryGetValue(call.Reference, out var upload) || upload.Repository != call.Repository)
        {
            await UnknownAsync(call);
            return;
        }

        await upload.Turn.WaitAsync(call.Cancel);
        try
        {
            // Another request may have finished or cancelled it while this one waited.
            await (!store.Uploads.ContainsKey(upload.Id) ? UnknownAsync(call) : call.Method switch
            {
                "GET" or "HEAD" => AcceptedAsync(call, upload, 204),
                "PATCH" => AppendAsync(call, upload),
                "PUT" => FinishAsync(call, upload, call.Query("digest")),
                "DELETE" => CancelAsync(call, upload),
                _ => call.UnsupportedAsync(),
            });
        }
        finally
        {
            upload.Turn.Release();
        }
    }

    static Task UnknownAsync(RegistryCall call) => call.ErrorAsync(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");

    async Task BeginAsync(RegistryCall call)
    {
        if (call.Query("mount") is { } mount && switches.Mount && call.Query("from") is { } from
            && store.Find(from)?.HasBlob(mount) == true && store.Blob(mount) is { } content)
        {
            store.GetOrAdd(call.Repository).Link(mount);
            events.Blob(call, "mount", mount, content.Size, from);
            await CreatedAsync(call, mount);
            return;
        }

        var upload = new UploadSession(Guid.NewGuid().ToString(), call.Repository, store.NewBuffer());
        store.Uploads[upload.Id] = upload;
        await (switches.SinglePost && call.Query("mount") is null && call.Query("digest") is { } digest
            ? FinishAsync(call, upload, digest)
            : AcceptedAsync(call, upload, 202));
    }

    static async Task AppendAsync(RegistryCall call, UploadSession upload)
    {
        if (Misplaced(call, upload))
        {
            await AcceptedAsync(call, upload, 416);
            return;
        }

        await upload.Buffer.AppendAsync(call.Http.Request.Body);
        await AcceptedAsync(call, upload, 202);
    }

    async Task FinishAsync(RegistryCall call, UploadSession upload, string? digest)
    {
        if (!LabDigest.IsValid(digest))
        {
            await call.DigestInvalidAsync();
            return;
        }

        if (Misplaced(call, upload))
        {
            await AcceptedAsync(call, upload, 416);
            return;
        }

        await upload.Buffer.AppendAsync(call.Http.Request.Body);
        var content = upload.Buffer.Complete();
        store.Uploads.TryRemove(upload.Id, out _);
        bool matches;
        await using (var read = content.OpenRead())
        {
            matches = LabDigest.Of(read, LabDigest.Algorithm(digest!)) == digest;
        }

        if (!matches)
        {
            upload.Buffer.Dispose();
            await call.DigestInvalidAsync();
            return;
        }

        if (!store.AddBlob(digest!, content))
        {
            upload.Buffer.Dispose();
        }

        store.GetOrAdd(call.Repository).Link(digest!);
        events.Blob(call, "push", digest!, content.Size);
        await CreatedAsync(call, digest!);
    }

    Task CancelAsync(RegistryCall call, UploadSession upload)
    {
        store.Uploads.TryRemove(upload.Id, out _);
        upload.Buffer.Dispose();
        return call.EmptyAsync(204);
    }

    /// <summary>A chunk must begin where the upload ends; without Content-Range it is a stream and always does.</summary>
    static bool Misplaced(RegistryCall call, UploadSession upload)
    {
        var header = call.Http.Request.Headers.ContentRange.ToString();
        return header.Length > 0
            && !(Chunk().Match(header) is { Success: true } m && long.TryParse(m.Groups[1].ValueSpan, out var first) && first == upload.Buffer.Length);
    }

    static Task AcceptedAsync(RegistryCall call, UploadSession upload, int status)
    {
        var headers = call.Http.Response.Headers;
        headers.Location = call.Locate($"/v2/{call.Repository}/blobs/uploads/{upload.Id}?_state={upload.Buffer.Length}");
        headers["Docker-Upload-UUID"] = upload.Id;
        // An upload without bytes has the same range as one with one byte; Distribution does not tell them apart either.
        headers["Range"] = $"0-{Math.Max(0, upload.Buffer.Length - 1)}";
        return call.EmptyAsync(status);
    }

    static Task CreatedAsync(RegistryCall call, string digest)
    {
        call.Http.Response.Headers.Location = call.Locate($"/v2/{call.Repository}/blobs/{digest}");
        call.Http.Response.Headers["Docker-Content-Digest"] = digest;
        return call.EmptyAsync(201);
    }

    [GeneratedRegex(@"^(?:bytes[ =])?(\d{1,18})-\d{1,18}(?:/.*)?$")]
    private static partial Regex Chunk();
}
