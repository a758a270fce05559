using System.Security.Claims;
using System.Text.Encodings.Web;
using GeoDR.Configuration;
using GeoDR.Dashboard.Access;
using GeoDR.Sites;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.Extensions.Options;
using Npgsql;

namespace GeoDR.Api;

/// <summary>Takes an API token in <c>Authorization: Bearer</c>; whatever else comes there is another's to judge.</summary>
internal sealed class ApiTokenAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logs, UrlEncoder encoder, ApiTokenStore tokens)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logs, encoder)
{
    public const string Name = "ApiToken";

    /// <summary>An API token, a proxy's word, or the dashboard's session.</summary>
    public const string EitherScheme = "ApiTokenOrSession";

    public static string SchemeOf(HttpContext http) => TokenOf(http.Request) is not null ? Name
        : ProxyAuthentication.Applies(http, http.RequestServices.GetRequiredService<GeoSettings>().SignIn) ? ProxyAuthentication.Name
        : CookieAuthenticationDefaults.AuthenticationScheme;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (TokenOf(Request) is not { } token)
            return AuthenticateResult.NoResult();
        try
        {
            var found = await tokens.FindAsync(token, Context.RequestAborted);
            if (found is not { Expired: false })
            {
                Context.Refuse(found is null ? RefusalKinds.UnknownToken : RefusalKinds.ExpiredToken, found is null ? null : AccountRules.TokenPrefix + found.Name);
                return AuthenticateResult.Fail("the token is unknown, revoked or expired");
            }
            var identity = new ClaimsIdentity([new(ClaimTypes.Name, AccountRules.TokenPrefix + found.Name), new(ClaimTypes.Role, found.Role)], Name);
            return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), Name));
        }
        catch (NpgsqlException)
        {
            Context.NotRefused();
            return AuthenticateResult.Fail("the database does not answer");
        }
    }

    private static string? TokenOf(HttpRequest request)
    {
        const string Bearer = "Bearer ";
        var header = request.Headers.Authorization.ToString();
        return header.StartsWith(Bearer + ApiTokenStore.Prefix, StringComparison.OrdinalIgnoreCase) ? header[Bearer.Length..].Trim() : null;
    }
}
