using System.Security.Claims;
using System.Text.Encodings.Web;
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

    /// <summary>Either an API token or the dashboard's session.</summary>
    public const string EitherScheme = "ApiTokenOrSession";

    public static string SchemeOf(HttpContext http) => TokenOf(http.Request) is null ? CookieAuthenticationDefaults.AuthenticationScheme : Name;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (TokenOf(Request) is not { } token)
            return AuthenticateResult.NoResult();
        try
        {
            if (await tokens.FindAsync(token, Context.RequestAborted) is not { } found)
                return AuthenticateResult.Fail("the token is unknown, revoked or expired");
            var identity = new ClaimsIdentity([new(ClaimTypes.Name, $"token {found.Name}"), new(ClaimTypes.Role, found.Role)], Name);
            return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), Name));
        }
        catch (NpgsqlException)
        {
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
