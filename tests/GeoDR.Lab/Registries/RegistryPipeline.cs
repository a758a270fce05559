using Microsoft.AspNetCore.Http;

namespace GeoDR.Lab.Registries;

/// <summary>The path of one request: record, latency, scripted answers, authorization, endpoint.</summary>
sealed class RegistryPipeline(RegistryStore store, LabRegistrySwitches switches, RequestLog log, RegistryEvents events,
    ObjectStorage objects, LabTokenSigner signer, TimeProvider time)
{
    readonly AuthGate _gate = new(switches, signer, time);
    readonly TokenEndpoint _tokens = new(switches, signer, time);
    readonly BlobEndpoint _blobs = new(store, switches, events, objects);
    readonly UploadEndpoint _uploads = new(store, switches, events);
    readonly ManifestEndpoint _manifests = new(store, switches, events, time);
    readonly ListEndpoint _lists = new(store, switches, time);

    public async Task HandleAsync(HttpContext http)
    {
        var route = RegistryRoute.Parse(http.Request.Path.Value ?? "");
        var record = RequestRecords.Begin(http, route, time);
        log.Add(record);
        var call = new RegistryCall(http, route, record, switches);
        http.Response.Headers["Docker-Distribution-Api-Version"] = "registry/2.0";
        try
        {
            if (switches.Latency > TimeSpan.Zero)
            {
                await Task.Delay(switches.Latency, time, call.Cancel);
            }

            await AnswerAsync(call);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or BadHttpRequestException && !http.Response.HasStarted)
        {
            // The client went away; what it had sent of an upload is kept.
            http.Abort();
        }
        finally
        {
            record.Ended = true;
        }
    }

    async Task AnswerAsync(RegistryCall call)
    {
        if (switches.Scripted(call.Method, call.Record.Path) is { } scripted)
        {
            if (scripted.RetryAfter is { } wait)
            {
                call.Http.Response.Headers.RetryAfter = ((int)Math.Ceiling(wait.TotalSeconds)).ToString();
            }

            await call.ErrorAsync(scripted.Status, Code(scripted.Status), "scripted answer");
        }
        else if (switches.BrokenRepositories.ContainsKey(call.Repository))
        {
            await call.ErrorAsync(500, "UNKNOWN", "unknown error");
        }
        else if (call.Route.Kind == RequestKind.Token)
        {
            await _tokens.HandleAsync(call);
        }
        else if (await _gate.AdmitAsync(call))
        {
            await RouteAsync(call);
        }
    }

    Task RouteAsync(RegistryCall call) => (call.Route.Kind, call.Method) switch
    {
        (RequestKind.Ping, "GET" or "HEAD") => call.JsonAsync(200, new { }),
        (RequestKind.Catalog, "GET") => _lists.CatalogAsync(call),
        (RequestKind.Tags, "GET") => _lists.TagsAsync(call),
        (RequestKind.Referrers, "GET") => _lists.ReferrersAsync(call),
        (RequestKind.Manifest, _) => _manifests.HandleAsync(call),
        (RequestKind.Blob, _) => _blobs.HandleAsync(call),
        (RequestKind.Upload, _) => _uploads.HandleAsync(call),
        (RequestKind.Other, _) => call.ErrorAsync(404, "NAME_INVALID", "404 page not found"),
        _ => call.UnsupportedAsync(),
    };

    static string Code(int status) => status switch
    {
        401 => "UNAUTHORIZED",
        403 => "DENIED",
        429 => "TOOMANYREQUESTS",
        503 => "UNAVAILABLE",
        _ => "UNKNOWN",
    };
}
