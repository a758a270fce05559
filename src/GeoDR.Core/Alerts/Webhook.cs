using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using GeoDR.Secrets;

namespace GeoDR.Alerts;

/// <summary>Where the webhook is. Not a record: its text would hold the secret.</summary>
public sealed class WebhookSettings
{
    /// <summary>May hold a secret itself, so it is never shown.</summary>
    public required Secret<string> Url { get; init; }

    /// <summary>Signs what is sent; null: it is not signed.</summary>
    public Secret<string>? Secret { get; init; }
}

/// <summary>Posts messages as JSON.</summary>
public sealed class Webhook : IAlertTarget, IDisposable
{
    public const string TargetName = "webhook";
    public const string SignatureHeader = "X-GeoDR-Signature";
    public const string DeliveryHeader = "X-GeoDR-Delivery";

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    private readonly WebhookSettings _settings;
    private readonly TimeProvider _time;
    private readonly TimeSpan _within;
    // The body of an answer says nothing that is needed; a redirect could lead the message anywhere.
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    /// <param name="within">How long a try may take; 10 s unless a test says otherwise.</param>
    public Webhook(WebhookSettings settings, TimeProvider time, TimeSpan? within = null)
    {
        (_settings, _time, _within) = (settings, time, within ?? s_limit);
        _http.DefaultRequestHeaders.UserAgent.ParseAdd("GeoDR");
    }

    public string Name => TargetName;

    public async Task<DeliveryResult> SendAsync(AlertMessage message, string deliveryId, CancellationToken cancel)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(message, AlertMessage.Json);
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_settings.Url.Value)) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json", "utf-8");
        request.Headers.Add(DeliveryHeader, deliveryId);
        if (_settings.Secret is { } secret)
            request.Headers.Add(SignatureHeader, Sign(secret.Value, _time.GetUtcNow(), body));
        using var limit = new CancellationTokenSource(_within, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancel);
        try
        {
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, both.Token);
            return Judge(response.StatusCode);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return DeliveryResult.Later($"no answer within {_within.TotalSeconds:0.#} s");
        }
        catch (Exception e) when (e is HttpRequestException or SocketException)
        {
            return DeliveryResult.Later($"cannot be reached ({(e as HttpRequestException)?.HttpRequestError ?? HttpRequestError.ConnectionError})");
        }
    }

    /// <summary><c>t=SECONDS,v1=HEX</c>: HMAC-SHA-256 over the seconds since 1970, a dot and the body, so that neither can be changed or sent again later.</summary>
    public static string Sign(string secret, DateTimeOffset at, ReadOnlySpan<byte> body)
    {
        var seconds = at.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        byte[] signed = [.. Encoding.ASCII.GetBytes(seconds + "."), .. body];
        return $"t={seconds},v1={Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), signed))}";
    }

    public void Dispose() => _http.Dispose();

    private static DeliveryResult Judge(HttpStatusCode status) => (int)status switch
    {
        >= 200 and < 300 => DeliveryResult.Done,
        408 or 429 or >= 500 => DeliveryResult.Later($"answered {(int)status}"),
        >= 300 and < 400 => DeliveryResult.Refused($"answered {(int)status}: redirects are not followed, give the address itself in Geo:Alerts:Webhook:Url"),
        _ => DeliveryResult.Refused($"answered {(int)status}: see Geo:Alerts:Webhook:Url and its receiver"),
    };
}
