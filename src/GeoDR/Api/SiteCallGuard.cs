using GeoDR.Configuration;
using GeoDR.Dashboard.Access;
using GeoDR.Sites;
using GeoDR.Tokens;
using Npgsql;

namespace GeoDR.Api;

/// <summary>A call from another site: who calls and what with, or the refusal to answer with.</summary>
internal readonly record struct SiteCall(string? Caller, byte[] Body, IResult? Refusal);

/// <summary>Lets in the calls of sites that are known here, by the key that signed them.</summary>
internal sealed class SiteCallGuard(GeoSettings settings, SiteBook book, TimeProvider time)
{
    private const int MaxBody = 1024 * 1024;

    public async Task<SiteCall> AuthenticateAsync(HttpContext http)
    {
        try
        {
            var call = await ReadAsync(http);
            if (call.Caller is null)
                http.Refuse(RefusalKinds.SiteCall, SiteToken.ReadIssuer(TokenOf(http.Request)));
            return call;
        }
        catch (NpgsqlException)
        {
            return new(null, [], Results.Problem(statusCode: 503, title: "The caller cannot be told now", detail: "This site's database does not answer."));
        }
    }

    private async Task<SiteCall> ReadAsync(HttpContext http)
    {
        if (await ReadBodyAsync(http.Request, http.RequestAborted) is not { } body)
            return new(null, [], Results.Problem(statusCode: 413, title: "The call is too long"));
        var token = TokenOf(http.Request);
        var issuer = SiteToken.ReadIssuer(token);
        if (issuer is null || issuer == settings.SiteName || await book.FindAsync(issuer, http.RequestAborted) is not { PublicKey: { } pem } site)
            return new(null, [], Refuse("The calling site is not known here: invite it, or set Geo:Peers:NAME:PublicKeyFile."));
        if (site.Revoked)
            return new(null, [], Refuse("The calling site was revoked here."));
        // Where a site changes its key, both count for a while.
        var result = SiteToken.VerifyAny(token, pem, settings.SiteName, http.Request.Method, http.Request.Path, body, time.GetUtcNow());
        return result == SiteTokenResult.Valid ? new(issuer, body, null) : new(null, [], Refuse($"The call's token was refused: {result}."));
    }

    /// <summary>Empty where there is none.</summary>
    public static string TokenOf(HttpRequest request) =>
        request.Headers.Authorization.ToString() is var header && header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? header[7..].Trim() : "";

    /// <summary>Null when it is too long. Read before the caller is known, since the token covers it: so never more than a bound, whatever its header says.</summary>
    public static async Task<byte[]?> ReadBodyAsync(HttpRequest request, CancellationToken cancel)
    {
        if (request.ContentLength > MaxBody)
            return null;
        using var body = new MemoryStream();
        var buffer = new byte[16 * 1024];
        for (int read; (read = await request.Body.ReadAsync(buffer, cancel)) > 0;)
        {
            if (body.Length + read > MaxBody)
                return null;
            body.Write(buffer, 0, read);
        }
        return body.ToArray();
    }

    private static IResult Refuse(string detail) => Results.Problem(statusCode: 401, title: "The call between sites was refused", detail: detail);
}
