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
    /// <param name="renew">The last one was refused: the password's file may hold another since.</param>
    internal static AuthenticationHeaderValue Header(RegistryOptions options, bool renew)
    {
        if (renew)
            options.Password?.Look();
        return new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{options.Username}:{options.Password?.Value}")));
    }

    public ValueTask<AuthenticationHeaderValue?> GetAsync(IReadOnlyList<Scope> scopes, bool renew, CancellationToken cancel) =>
        ValueTask.FromResult<AuthenticationHeaderValue?>(Header(options, renew));
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
    private volatile Kept _kept = new(signer.Key, new(time));

    private sealed record Kept(TokenKey Key, TokenCache Tokens);

    public ValueTask<AuthenticationHeaderValue?> GetAsync(IReadOnlyList<Scope> scopes, bool renew, CancellationToken cancel)
    {
        // A registry that trusts the new key alone refuses what the former one signed.
        var signs = signer.Key;
        var kept = _kept.Key == signs ? _kept : _kept = new(signs, new(time));
        var (key, cache) = (TokenCache.Key(scopes), kept.Tokens);
        var header = renew ? null : cache.Find(key);
        return ValueTask.FromResult<AuthenticationHeaderValue?>(header ?? cache.Keep(key, signer.Sign(audience, scopes), signer.Lifetime));
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
    private readonly RegistryHttp _http;

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
        _http = new(
            options.Certificates, () => new() { AllowAutoRedirect = false, UseCookies = false, ConnectTimeout = TimeSpan.FromSeconds(5) }, TimeSpan.FromSeconds(15));
    }

    public async ValueTask<AuthenticationHeaderValue?> GetAsync(IReadOnlyList<Scope> scopes, bool renew, CancellationToken cancel)
    {
        var key = TokenCache.Key(scopes);
        if (!renew && _cache.Find(key) is { } kept)
            return kept;
        var query = string.Join('&', scopes.Select(s => $"scope={Uri.EscapeDataString(s.ToString())}")
            .Prepend(_service is null ? "client_id=geodr" : $"service={Uri.EscapeDataString(_service)}"));
        var uri = new Uri($"{_realm.AbsoluteUri}{(_realm.Query.Length > 0 ? "&" : "?")}{query}");
        var (token, lifetime) = await FetchAsync(uri, renew, cancel);
        return _cache.Keep(key, token, lifetime);
    }

    public void Dispose() => _http.Dispose();

    private async Task<(string Token, TimeSpan Lifetime)> FetchAsync(Uri uri, bool renew, CancellationToken cancel)
    {
        var sent = BasicCredentials.Header(_options, renew);
        using var request = new HttpRequestMessage(HttpMethod.Get, uri) { Headers = { Authorization = sent } };
        try
        {
            using var response = await _http.Now.SendAsync(request, cancel);
            if (response.StatusCode == System.Net.HttpStatusCode.Unauthorized && !renew && BasicCredentials.Header(_options, renew: true).Parameter != sent.Parameter)
                return await FetchAsync(uri, renew: true, cancel);
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
