using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Serialization;
using GeoDR.Configuration;
using GeoDR.Registry;
using GeoDR.Tokens;

namespace GeoDR.Sites;

/// <summary>Asks a site for a token that pulls one repository from its registry.</summary>
/// <param name="Promotion">The term that the caller lives under; null while it knows of none.</param>
internal sealed record GrantCall(string Repository, Guid? Promotion)
{
    /// <summary>The path of the endpoint, at every site.</summary>
    public const string Path = "/token";
}

/// <summary>The token, and how many seconds it lasts.</summary>
internal sealed record GrantAnswer(string Token, [property: JsonPropertyName("expires_in")] int ExpiresIn);

/// <summary>
/// Tokens that the site of a registry grants: each pulls one repository and does nothing else. What the site refuses to this one
/// altogether is no repository's failure.
/// </summary>
internal sealed class GrantedTokens(SiteClient client, SiteAddress grantor, string registry, SiteStore sites, TimeProvider time) : ITokenSource
{
    // As many blobs of one repository begin at once: they share a token.
    private readonly SemaphoreSlim _few = new(4);
    private readonly TokenCache _cache = new(time);

    /// <summary>Null where this site has no key to ask with, or does not know whom to ask.</summary>
    /// <param name="name">The registry's, in errors.</param>
    public static GrantedTokens? Of(string name, GeoSettings settings, SiteStore sites, TimeProvider time) =>
        settings is { PrimaryUrl: { } url, PrimaryPeer: { } peer } && SiteClient.Of(settings, time) is { } client
            ? new(client, new(peer.Name, url), name, sites, time) : null;

    public async ValueTask<AuthenticationHeaderValue?> GetAsync(IReadOnlyList<Scope> scopes, bool renew, CancellationToken cancel)
    {
        if (scopes is not [{ Repository: { } repository, Push: false, Delete: false }])
            throw Error(HttpStatusCode.Forbidden, $"a site grants tokens that pull one repository, and none for {string.Join(' ', scopes)}", null);
        var key = TokenCache.Key(scopes);
        if (!renew && _cache.Find(key) is { } kept)
            return kept;
        await _few.WaitAsync(cancel);
        try
        {
            if (!renew && _cache.Find(key) is { } meanwhile)
                return meanwhile;
            var granted = await AskAsync(repository, cancel);
            return _cache.Keep(key, granted.Token, TimeSpan.FromSeconds(granted.ExpiresIn));
        }
        finally
        {
            _few.Release();
        }
    }

    private async Task<GrantAnswer> AskAsync(string repository, CancellationToken cancel)
    {
        try
        {
            var site = await sites.ReadAsync(cancel);
            var answer = await client.CallAsync<GrantAnswer>(grantor, HttpMethod.Post, GrantCall.Path, new GrantCall(repository, site?.Promotion), cancel);
            return answer is { Token: { Length: > 0 and < 64 * 1024 } token, ExpiresIn: > 0 and <= 3600 } && token.All(char.IsAscii) && !token.Any(char.IsControl)
                ? answer : throw Error(null, $"{grantor.Name} answered no token that can be used", null);
        }
        catch (Npgsql.NpgsqlException e)
        {
            throw Error(null, $"this site's own term cannot be read: {e.Message}", e);
        }
        catch (HttpRequestException e)
        {
            // Another term, or no primary for now: that passes, as a silence does.
            throw Error(e.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.BadRequest ? e.StatusCode : null,
                $"{grantor.Name} grants no token: {e.Message}", e);
        }
    }

    private RegistryException Error(HttpStatusCode? status, string reason, Exception? inner) =>
        new(registry, HttpMethod.Post, new Uri(grantor.Url, GrantCall.Path), status, [], reason, null, inner)
        {
            IsOfIssuer = status is null or HttpStatusCode.Unauthorized,
        };
}
