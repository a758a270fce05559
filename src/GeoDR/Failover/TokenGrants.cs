using System.Text.Json;
using System.Text.Json.Serialization;
using GeoDR.Api;
using GeoDR.Configuration;
using GeoDR.Hosting;
using GeoDR.Registry;
using GeoDR.Sites;
using GeoDR.SyncState;
using GeoDR.Tokens;

namespace GeoDR.Failover;

/// <summary>
/// Grants other sites tokens that pull one repository from this site's registry: a confirmed primary to every site that lives under its
/// term, a secondary to its primary alone, and for what is offered to it.
/// </summary>
internal sealed class TokenGrants(GeoSettings settings, SiteStore sites, StartHold hold, DivergentTags divergent, TimeProvider time) : IDisposable
{
    private readonly Lazy<TokenSigner?> _signer = new(() => RegistryClients.Signer(settings, time));
    private readonly Lazy<RegistryClient?> _registry = new(() => settings.Registry is { } own ? RegistryClients.Build(Peers.OwnRegistry, own, settings, time) : null);

    public void Dispose()
    {
        if (_registry.IsValueCreated)
            _registry.Value?.Dispose();
    }

    public async Task<IResult> AnswerAsync(string caller, GrantCall call, CancellationToken cancel)
    {
        if (await RefusalAsync(caller, call, cancel) is { } refusal)
            return refusal;
        if (_signer.Value is not { } signer)
            return Refuse(409, "This site signs no tokens: set Geo:Tokens:* here.");
        var (audience, problem) = await AudienceAsync(cancel);
        return audience is null ? Refuse(503, problem!)
            : Results.Ok(new GrantAnswer(signer.Sign(audience, [new Scope(call.Repository, false)], RegistryClients.Subject(caller)), (int)signer.Lifetime.TotalSeconds));
    }

    private async Task<IResult?> RefusalAsync(string caller, GrantCall call, CancellationToken cancel)
    {
        var site = (await sites.ReadAsync(cancel))!;
        if (site.IsPrimary && site.IsFenced)
            return Refuse(409, $"{site.Name} is no confirmed primary: {site.NewerSite ?? site.Rival} was promoted.");
        if (site.IsPrimary && !hold.IsOpen)
            return Refuse(503, $"{site.Name} has just started and asks the other sites for their terms first.");
        if (!site.IsPrimary && caller != (site.Follows ?? settings.PrimaryPeer?.Name))
            return Refuse(409, $"{site.Name} is a secondary, and grants tokens to its primary alone.");
        if (call.Promotion != site.Promotion)
            return Refuse(409, site.Promotion is { } own
                ? $"{site.Name} lives under the term of epoch {site.Epoch}, promotion {own}, and the call names {call.Promotion?.ToString() ?? "none"}."
                : $"{site.Name} knows of no term, and the call names {call.Promotion}.");
        return site.IsPrimary || await divergent.IsOfferedAsync(site.Name, call.Repository, cancel) ? null
            : Refuse(403, $"{site.Name} offers nothing in {call.Repository}.");
    }

    private async Task<(string? Audience, string? Problem)> AudienceAsync(CancellationToken cancel)
    {
        if (settings.Registry?.Service is { } set)
            return (set, null);
        if (_registry.Value is not { } registry)
            return (null, "Geo:Registry:Url is not set here.");
        try
        {
            if (registry.Challenge is null)
                await registry.PingAsync(cancel);
            return registry.Challenge is { Scheme: "Bearer", Service: { } asked } ? (asked, null) : (null, "The registry here asks for no tokens; set Geo:Registry:Service to grant some all the same.");
        }
        catch (RegistryException e)
        {
            return (null, $"The registry here does not say whom its tokens are for: {e.Message}");
        }
    }

    private static IResult Refuse(int status, string detail) => Results.Problem(statusCode: status, title: "No token is granted", detail: detail);
}

/// <summary>The call that asks for one.</summary>
internal static class TokenApi
{
    // What asks for more than is granted is refused, never granted in part.
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, AllowDuplicateProperties = false, PropertyNameCaseInsensitive = false,
        RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true,
    };

    public static void MapTokenGrants(this IEndpointRouteBuilder routes) => routes.MapPost(GrantCall.Path, GrantAsync).DisableAntiforgery().AllowAnonymous()
        .WithSummary("A token that pulls one repository, for another site")
        .WithDescription("""
            Signed by the calling site. The body is `{"repository": NAME, "promotion": UUID}`, the promotion being that of the term which the caller lives under (null before it
            knows of one). A confirmed primary that lives under the same term answers `{"token": JWT, "expires_in": SECONDS}`; the token pulls that one repository from its registry
            and does nothing else.
            """);

    private static async Task<IResult> GrantAsync(HttpContext http, SiteCallGuard guard, TokenGrants grants)
    {
        var (caller, body, refusal) = await guard.AuthenticateAsync(http);
        if (caller is null)
            return refusal!;
        return Parse(body) is { } call && OciNames.IsRepository(call.Repository)
            ? await grants.AnswerAsync(caller, call, http.RequestAborted)
            : Problems.Bad("""The body is {"repository": NAME, "promotion": UUID or null}, with one repository and nothing else.""");
    }

    private static GrantCall? Parse(byte[] body)
    {
        try
        {
            return JsonSerializer.Deserialize<GrantCall>(body, s_json);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
