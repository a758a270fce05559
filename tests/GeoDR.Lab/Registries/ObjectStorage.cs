using Microsoft.AspNetCore.Http;
using System.Security.Cryptography;
using System.Text;

namespace GeoDR.Lab.Registries;

/// <summary>The other host that blob GETs are redirected to: signed URLs that expire, Range, and no registry credentials wanted.</summary>
public sealed class ObjectStorage
{
    readonly byte[] _key = RandomNumberGenerator.GetBytes(32);
    readonly RegistryStore _store;
    readonly LabRegistrySwitches _switches;
    readonly TimeProvider _time;

    internal ObjectStorage(RegistryStore store, LabRegistrySwitches switches, TimeProvider time) =>
        (_store, _switches, _time) = (store, switches, time);

    /// <summary>What arrived; look at <see cref="RequestRecord.HasAuthorization"/>.</summary>
    public RequestLog Requests { get; } = new();

    /// <summary>Answer 400 to a request with an Authorization header, as S3 does to a signed URL.</summary>
    public bool RefuseAuthorization { get; set; }

    internal Uri? Url { get; set; }

    internal string Sign(string digest, TimeSpan lifetime)
    {
        var expires = (_time.GetUtcNow() + lifetime).ToUnixTimeMilliseconds();
        return $"{Url!.ToString().TrimEnd('/')}/objects/{digest}?expires={expires}&signature={Signature(digest, expires)}";
    }

    internal async Task HandleAsync(HttpContext http)
    {
        var record = RequestRecords.Begin(http, new RegistryRoute(RequestKind.Redirected, "", ""), _time);
        Requests.Add(record);
        var digest = http.Request.Path.Value!["/objects/".Length..];
        var signed = long.TryParse(http.Request.Query["expires"], out var expires) && http.Request.Query["signature"] == Signature(digest, expires);
        if (record.HasAuthorization && RefuseAuthorization)
        {
            http.Response.StatusCode = 400;
        }
        else if (!signed || _time.GetUtcNow().ToUnixTimeMilliseconds() >= expires)
        {
            http.Response.StatusCode = 403;
        }
        else if (_store.Blob(digest) is { } content)
        {
            http.Response.ContentType = "application/octet-stream";
            await ContentWriter.SendAsync(http, content, _switches.Corrupt.GetValueOrDefault(digest));
        }
        else
        {
            http.Response.StatusCode = 404;
        }
    }

    string Signature(string digest, long expires) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes($"{digest} {expires}")));
}

static class RequestRecords
{
    public static RequestRecord Begin(HttpContext http, RegistryRoute route, TimeProvider time)
    {
        var record = new RequestRecord
        {
            At = time.GetUtcNow(),
            Method = http.Request.Method,
            Kind = route.Kind,
            Repository = route.Repository,
            Path = http.Request.Path.Value ?? "",
            Query = http.Request.QueryString.Value ?? "",
            UserAgent = http.Request.Headers.UserAgent.ToString(),
            HasAuthorization = http.Request.Headers.Authorization.Count > 0,
        };
        // Set before the first byte leaves, so that a client that has its answer also finds its status here.
        http.Response.OnStarting(() =>
        {
            record.Status = http.Response.StatusCode;
            return Task.CompletedTask;
        });
        return record;
    }
}
