using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using GeoDR.Registry;

namespace GeoDR.Tokens;

/// <summary>Which way to authorize a registry's challenge calls for.</summary>
public static class TokenSources
{
    /// <summary>Null where nothing that is set answers the challenge.</summary>
    /// <param name="granted">Tokens that another site grants, in place of this site's own.</param>
    public static ITokenSource? For(
        AuthChallenge? challenge, RegistryOptions options, TokenSigner? signer, TimeProvider time, ITokenSource? granted = null) => (challenge?.Scheme, options.Username) switch
    {
        ("Basic", not null) => new BasicCredentials(options),
        ("Bearer", not null) => new TokenService(options, challenge!, time),
        ("Bearer", null) when granted is not null => granted,
        ("Bearer", null) when signer is not null && (options.Service ?? challenge!.Service) is { } service => new OwnTokens(signer, service, time),
        _ => null,
    };
}

/// <summary>A name and a password with every request.</summary>
public sealed class BasicCredentials(RegistryOptions options) : ITokenSource
{
    internal static AuthenticationHeaderValue Header(RegistryOptions options) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{options.Username}:{options.Password}")));

    public ValueTask<AuthenticationHeaderValue?> GetAsync(IReadOnlyList<Scope> scopes, bool renew, CancellationToken cancel) =>
        ValueTask.FromResult<AuthenticationHeaderValue?>(Header(options));
}

/// <summary>Tokens kept until shortly before they end.</summary>
public sealed class TokenCache(TimeProvider time)
{
    private const int MaxEntries = 20_000;
    private readonly ConcurrentDictionary<string, (AuthenticationHeaderValue Header, DateTimeOffset Until)> _kept = new(StringComparer.Ordinal);

    /// <summary>What tokens are kept by.</summary>
    public static string Key(IReadOnlyList<Scope> scopes) => scopes.Count == 1 ? scopes[0].ToString() : string.Join(' ', scopes);

    /// <summary>Null where none is kept that still lasts.</summary>
    public AuthenticationHeaderValue? Find(string key) => _kept.TryGetValue(key, out var kept) && kept.Until > time.GetUtcNow() ? kept.Header : null;

    /// <summary>Keeps a token, and gives it as it is sent.</summary>
    public AuthenticationHeaderValue Keep(string key, string token, TimeSpan lifetime)
    {
        if (_kept.Count >= MaxEntries)
            _kept.Clear();
        var margin = TimeSpan.FromSeconds(Math.Min(30, lifetime.TotalSeconds / 4));
        var header = new AuthenticationHeaderValue("Bearer", token);
        _kept[key] = (header, time.GetUtcNow() + lifetime - margin);
        return header;
    }
}

/// <summary>Tokens that this site signs itself.</summary>
public sealed class OwnTokens(TokenSigner signer, string audience, TimeProvider time) : ITokenSource
{
    private readonly TokenCache _cache = new(time);

    public ValueTask<AuthenticationHeaderValue?> GetAsync(IReadOnlyList<Scope> scopes, bool renew, CancellationToken cancel)
    {
        var key = TokenCache.Key(scopes);
        var header = renew ? null : _cache.Find(key);
        return ValueTask.FromResult<AuthenticationHeaderValue?>(header ?? _cache.Keep(key, signer.Sign(audience, scopes), signer.Lifetime));
    }
}

/// <summary>Tokens that a registry's own token service hands out for a name and a password.</summary>
public sealed class TokenService : ITokenSource, IDisposable
{
    private static readonly TimeSpan s_defaultLifetime = TimeSpan.FromSeconds(60);

    private readonly RegistryOptions _options;
    private readonly Uri _realm;
    private readonly string? _service;
    private readonly TokenCache _cache;
    private readonly HttpClient _http;

    /// <summary>A realm is a URL that a registry chose: credentials go only where the settings allow it.</summary>
    public TokenService(RegistryOptions options, AuthChallenge challenge, TimeProvider time)
    {
        (_options, _service, _cache) = (options, options.Service ?? challenge.Service, new TokenCache(time));
        if (!Uri.TryCreate(challenge.Realm, UriKind.Absolute, out var realm)
            || !(realm.Scheme == Uri.UriSchemeHttps || realm.Scheme == Uri.UriSchemeHttp && options.AllowHttp)
            || !(realm.Host == options.Url.Host || options.Realms.Contains(realm.Host, StringComparer.OrdinalIgnoreCase) || options.Realms.Contains(challenge.Realm)))
            throw new RegistryException(options.Name, HttpMethod.Get, options.Url, System.Net.HttpStatusCode.Unauthorized, [],
                $"sends for tokens to '{challenge.Realm}', which is not allowed: add its host to the registry's Realms if it is right");
        _realm = realm;
        // A token service is mostly behind the same authority as its registry.
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, ConnectTimeout = TimeSpan.FromSeconds(5) };
        RegistryCertificates.Apply(handler.SslOptions, options);
        _http = new(handler) { Timeout = TimeSpan.FromSeconds(15) };
    }

    public async ValueTask<AuthenticationHeaderValue?> GetAsync(IReadOnlyList<Scope> scopes, bool renew, CancellationToken cancel)
    {
        var key = TokenCache.Key(scopes);
        if (!renew && _cache.Find(key) is { } kept)
            return kept;
        var query = string.Join('&', scopes.Select(s => $"scope={Uri.EscapeDataString(s.ToString())}")
            .Prepend(_service is null ? "client_id=geodr" : $"service={Uri.EscapeDataString(_service)}"));
        var uri = new Uri($"{_realm.AbsoluteUri}{(_realm.Query.Length > 0 ? "&" : "?")}{query}");
        using var request = new HttpRequestMessage(HttpMethod.Get, uri);
        request.Headers.Authorization = BasicCredentials.Header(_options);
        var (token, lifetime) = await FetchAsync(request, cancel);
        return _cache.Keep(key, token, lifetime);
    }

    public void Dispose() => _http.Dispose();

    private async Task<(string Token, TimeSpan Lifetime)> FetchAsync(HttpRequestMessage request, CancellationToken cancel)
    {
        try
        {
            using var response = await _http.SendAsync(request, cancel);
            if (!response.IsSuccessStatusCode)
                throw Error(request, response.StatusCode, $"the token service answered {(int)response.StatusCode}");
            using var document = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(cancel));
            var root = document.RootElement;
            var token = (root.TryGetProperty("token", out var t) ? t.GetString() : null)
                ?? (root.TryGetProperty("access_token", out var a) ? a.GetString() : null)
                ?? throw Error(request, null, "the token service's answer holds no token");
            var lifetime = root.TryGetProperty("expires_in", out var e) && e.TryGetInt32(out var seconds) && seconds > 0
                ? TimeSpan.FromSeconds(seconds) : s_defaultLifetime;
            return (token, lifetime);
        }
        catch (Exception e) when (e is HttpRequestException or SocketException or JsonException or InvalidOperationException
            || e is TaskCanceledException && !cancel.IsCancellationRequested)
        {
            throw Error(request, null, $"the token service does not answer: {TlsFaults.Words(e)}", e);
        }
    }

    private RegistryException Error(HttpRequestMessage request, System.Net.HttpStatusCode? status, string reason, Exception? inner = null) =>
        new(_options.Name, request.Method, request.RequestUri!, status, [], reason, null, inner);
}
