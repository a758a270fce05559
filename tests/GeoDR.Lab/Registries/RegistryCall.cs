using Microsoft.AspNetCore.Http;
using System.Text.Json;

namespace GeoDR.Lab.Registries;

/// <summary>One request under way: its route, its record, and the answers that all endpoints give alike.</summary>
sealed class RegistryCall(HttpContext http, RegistryRoute route, RequestRecord record, LabRegistrySwitches switches)
{
    public HttpContext Http => http;
    public RegistryRoute Route => route;
    public RequestRecord Record => record;
    public string Repository => route.Repository;
    public string Reference => route.Reference;
    public string Method => http.Request.Method;
    public CancellationToken Cancel => http.RequestAborted;

    public string? Query(string name) => http.Request.Query.TryGetValue(name, out var value) ? value.ToString() : null;

    /// <summary>Scheme and host as the client named them, so that answers stay right behind a proxy, as Distribution does it.</summary>
    public string BaseUrl => $"{http.Request.Scheme}://{http.Request.Host}";

    public string Locate(string path) => switches.RelativeLocations ? path : BaseUrl + path;

    public Task EmptyAsync(int status)
    {
        http.Response.StatusCode = status;
        if (status != 204)
        {
            http.Response.ContentLength = 0;
        }

        return Task.CompletedTask;
    }

    /// <summary>An error body as the distribution specification has it ("Error codes").</summary>
    public Task ErrorAsync(int status, string code, string message, object? detail = null) =>
        JsonAsync(status, new { errors = new[] { new { code, message, detail } } });

    public async Task JsonAsync(int status, object body, string contentType = "application/json; charset=utf-8")
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(body);
        http.Response.StatusCode = status;
        http.Response.ContentType = contentType;
        http.Response.ContentLength = bytes.Length;
        if (Method != "HEAD")
        {
            await http.Response.Body.WriteAsync(bytes, Cancel);
        }
    }

    public Task NameUnknownAsync() => ErrorAsync(404, "NAME_UNKNOWN", "repository name not known to registry", new { name = Repository });

    public Task DigestInvalidAsync() => ErrorAsync(400, "DIGEST_INVALID", "provided digest did not match uploaded content");

    public Task UnsupportedAsync() => ErrorAsync(405, "UNSUPPORTED", "The operation is unsupported.");
}
