using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using GeoDR.Api;
using GeoDR.Configuration;
using GeoDR.Dashboard.Access;
using GeoDR.Sites;
using GeoDR.Tokens;

namespace GeoDR.Failover;

/// <summary>(primary) Lets sites in that were invited. Who is not, learns nothing of why.</summary>
internal static class JoinApi
{
    private const int LongestUrl = 2048;

    public static void MapJoin(this IEndpointRouteBuilder routes) => routes.MapPost(JoinCall.Path, JoinAsync).DisableAntiforgery().AllowAnonymous()
        .WithSummary("An invited site joins")
        .WithDescription("""
            `{"body": JSON, "mac": …}`: the body names the invitation, the joining site's public key and its URLs; the mac is made of it with the invitation's secret, and the call is signed by the new key
            in the name that was invited. Answers `{"body": JSON, "signature": …}`, signed by the key that the invitation pins: the sites, and the newest terms.
            """);

    private static async Task<IResult> JoinAsync(
        HttpContext http, GeoSettings settings, SiteStore sites, SiteBook book, TermStore terms, StartHold hold, Invitations invitations, SeenCalls seen, TimeProvider time)
    {
        var cancel = http.RequestAborted;
        if (await SiteCallGuard.ReadBodyAsync(http.Request, cancel) is not { } bytes)
            return Results.Problem(statusCode: 413, title: "The call is too long");
        if (JoinCall.Read<JoinCall>(bytes) is not { } call || JoinCall.Read<JoinRequest>(Encoding.UTF8.GetBytes(call.Body)) is not { } request)
            return Problems.Bad("The body holds what the joining site says of itself, and the proof that it was invited.");
        if (await invitations.FindAsync(request.Invitation, cancel) is not { } invitation || !Invitation.MacHolds(invitation.Secret, call.Body, call.Mac))
            return Refuse(http, "The invitation does not hold: it was used, it ended, or it is none of this site.");
        // From here on the caller is one that was invited, and may be told.
        if (PublicKey(request.PublicKey) is not { } key || !IsUrl(request.Url) || !IsUrl(request.RegistryUrl))
            return Problems.Bad("The joining site's key is an EC P-256 one in PEM, and its URLs are https://host[:port].");
        var token = SiteCallGuard.TokenOf(http.Request);
        if (Verify(token, key, invitation.Name, settings.SiteName, bytes, time) is { } fault)
            return Refuse(http, fault);
        if (await sites.ReadAsync(cancel) is not { IsPrimary: true, IsFenced: false } || !hold.IsOpen || settings.SiteKey is not { } own)
            return Problems.Conflict("This site is no confirmed primary", "Join at the primary; it has a key of its own (Geo:Site:KeyFile).");
        if (!await seen.IsFirstAsync(SiteToken.ReadId(token), cancel))
            return Refuse(http, "The call was made before.");
        if (await invitations.UseAsync(invitation, key, Trim(request.Url), Trim(request.RegistryUrl), cancel) != JoinResult.Joined)
            return Refuse(http, "The invitation does not hold: it was used by another key, or the site was revoked since it was made.");
        var welcome = JsonSerializer.Serialize(
            new Welcome(invitation.Id, [.. (await book.ListAsync(cancel)).Where(s => !s.Revoked)], await terms.NewestAsync(cancel)), JoinCall.Json);
        return Results.Ok(new JoinAnswer(welcome, SiteToken.Create(
            own.Value, settings.SiteName, invitation.Name, HttpMethods.Post, JoinCall.Path, Encoding.UTF8.GetBytes(welcome), time.GetUtcNow())));
    }

    private static string? Verify(string token, string publicKey, string caller, string here, byte[] bytes, TimeProvider time)
    {
        if (SiteToken.ReadIssuer(token) is not { } issuer || issuer != caller)
            return $"The invitation is for the site {caller}.";
        using var key = SiteKey.ParsePublic(publicKey);
        var result = SiteToken.Verify(token, key, here, HttpMethods.Post, JoinCall.Path, bytes, time.GetUtcNow());
        return result == SiteTokenResult.Valid ? null : $"The call's token was refused: {result}.";
    }

    // Written anew: of what was sent, the public key alone is kept.
    private static string? PublicKey(string pem)
    {
        try
        {
            using var key = SiteKey.ParsePublic(pem);
            return key.ExportSubjectPublicKeyInfoPem();
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    private static bool IsUrl(string? url) =>
        url is null || url.Length <= LongestUrl && Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri is { Scheme: "http" or "https", Host.Length: > 0, UserInfo: "", Query: "", Fragment: "" };

    private static string? Trim(string? url) => url is null ? null : new Uri(url).AbsoluteUri.TrimEnd('/');

    private static IResult Refuse(HttpContext http, string detail)
    {
        http.Refuse(RefusalKinds.SiteCall);
        return Results.Problem(statusCode: 401, title: "The site was not let in", detail: detail);
    }
}
