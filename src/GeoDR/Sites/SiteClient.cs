using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using GeoDR.Configuration;
using GeoDR.Registry;
using GeoDR.Secrets;
using GeoDR.Tokens;

namespace GeoDR.Sites;

/// <summary>Another site's GeoDR: its name, to which calls are addressed, and where it listens.</summary>
internal sealed record SiteAddress(string Name, Uri Url);

/// <summary>
/// Calls other sites, each call signed with this site's key. Whatever goes wrong is an <see cref="HttpRequestException"/> that says what,
/// with the status where there was one: refused, unreachable, silent, too long, or no answer of GeoDR's.
/// </summary>
internal sealed class SiteClient : IDisposable
{
    /// <summary>An inventory's page of the largest repository is far below.</summary>
    public const int MaxAnswer = 64 * 1024 * 1024;

    private const int MaxProblem = 16 * 1024;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    private readonly Secret<SiteKey> _key;
    private readonly string _siteName;
    private readonly TimeProvider _time;
    private readonly HttpClient _http;

    /// <param name="caFile">Authorities in PEM, in place of the system's.</param>
    public SiteClient(Secret<SiteKey> key, string siteName, TimeProvider time, string? caFile = null)
    {
        (_key, _siteName, _time) = (key, siteName, time);
        _http = new HttpClient(Handler(caFile)) { Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <summary>What reaches a site, this one too.</summary>
    /// <param name="caFile">Authorities in PEM, in place of the system's.</param>
    public static SocketsHttpHandler Handler(string? caFile) => new()
    {
        AllowAutoRedirect = false,
        ConnectTimeout = TimeSpan.FromSeconds(3),
        // A name that moved to another site is followed.
        PooledConnectionLifetime = TimeSpan.FromMinutes(2),
        SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = caFile is null ? null : Trust(caFile) },
    };

    /// <summary>When the last answer was written, by the clock of the site that gave it.</summary>
    public DateTimeOffset? ServerTime { get; private set; }

    /// <summary>A client with this site's key and trust; null where it has no key.</summary>
    public static SiteClient? Of(GeoSettings settings, TimeProvider time) =>
        settings.SiteKey is { } key ? new SiteClient(key, settings.SiteName, time, settings.PrimaryCaFile) : null;

    /// <summary>Calls and reads the answer's JSON.</summary>
    /// <param name="query">Empty, or with its question mark; it is not signed.</param>
    /// <param name="body">JSON; empty for none.</param>
    public async Task<T> CallAsync<T>(SiteAddress to, HttpMethod method, string path, string query, byte[] body, CancellationToken cancel)
    {
        var answer = await SendAsync(to, method, path, query, body, s_patience, MaxAnswer, cancel);
        return Read<T>(to, path, answer, s_json);
    }

    /// <summary>Calls with a value as JSON, and reads the answer's.</summary>
    /// <param name="content">Null for no body.</param>
    public async Task<T> CallAsync<T>(SiteAddress to, HttpMethod method, string path, object? content, CancellationToken cancel, TimeSpan? patience = null)
    {
        var body = content is null ? [] : JsonSerializer.SerializeToUtf8Bytes(content, s_json);
        return Read<T>(to, path, await SendAsync(to, method, path, "", body, patience ?? s_patience, MaxAnswer, cancel), s_json);
    }

    /// <summary>What an answer says.</summary>
    public static T Read<T>(SiteAddress from, string path, byte[] answer, JsonSerializerOptions options)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(answer, options) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new HttpRequestException($"{from.Url}: {path} answered what is not understood: {e.Message}", e);
        }
    }

    /// <summary>Calls and gives the answer's bytes.</summary>
    /// <param name="patience">For all of it, to the answer's end.</param>
    /// <param name="most">Bytes that the answer may have.</param>
    public async Task<byte[]> SendAsync(
        SiteAddress to, HttpMethod method, string path, string query, byte[] body, TimeSpan patience, int most, CancellationToken cancel)
    {
        using var limit = new CancellationTokenSource(patience, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancel);
        try
        {
            using var request = new HttpRequestMessage(method, new Uri(to.Url, path + query));
            var token = SiteToken.Create(_key.Value, _siteName, to.Name, method.Method, path, body, _time.GetUtcNow());
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            if (body.Length > 0)
                request.Content = new ByteArrayContent(body) { Headers = { ContentType = new("application/json") } };
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
            ServerTime = response.Headers.Date ?? ServerTime;
            if (!response.IsSuccessStatusCode)
                throw new HttpRequestException(
                    $"{to.Url}: {path} answered {(int)response.StatusCode}{await ReasonAsync(response, either.Token)}", null, response.StatusCode);
            return await ReadAsync(response, most, either.Token)
                ?? throw new HttpRequestException($"{to.Url}: {path} answered more than {most} bytes");
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new HttpRequestException($"{to.Url}: {path} was not answered to its end within {patience.TotalSeconds:0} s");
        }
        // The outermost message says only that something broke. A connection that is reset as soon as it stands escapes HttpClient as it is.
        catch (Exception e) when (e is IOException or SocketException or HttpRequestException { InnerException: not null })
        {
            throw new HttpRequestException((e as HttpRequestException)?.HttpRequestError ?? HttpRequestError.Unknown, $"{to.Url}: {path}: {e.GetBaseException().Message}", e);
        }
    }

    public void Dispose() => _http.Dispose();

    private static X509ChainPolicy Trust(string caFile)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(RegistryCertificates.LoadAuthorities(caFile));
        return policy;
    }

    // What a refusal says of itself, where it is a problem's JSON: the other site knows best.
    private static async Task<string> ReasonAsync(HttpResponseMessage response, CancellationToken cancel)
    {
        try
        {
            if (await ReadAsync(response, MaxProblem, cancel) is not { } bytes)
                return "";
            using var problem = JsonDocument.Parse(bytes);
            return problem.RootElement.ValueKind == JsonValueKind.Object && problem.RootElement.TryGetProperty("detail", out var detail)
                && detail.ValueKind == JsonValueKind.String ? $": {Short(detail.GetString()!)}" : "";
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or IOException or HttpRequestException)
        {
            return "";
        }
    }

    private static string Short(string text) => new([.. text.Take(300).Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c)]);

    private static async Task<byte[]?> ReadAsync(HttpResponseMessage response, int most, CancellationToken cancel)
    {
        if (response.Content.Headers.ContentLength > most)
            return null;
        await using var stream = await response.Content.ReadAsStreamAsync(cancel);
        using var bytes = new MemoryStream();
        var buffer = new byte[16 * 1024];
        for (int read; (read = await stream.ReadAsync(buffer, cancel)) > 0;)
        {
            if (bytes.Length + read > most)
                return null;
            bytes.Write(buffer, 0, read);
        }
        return bytes.ToArray();
    }
}
