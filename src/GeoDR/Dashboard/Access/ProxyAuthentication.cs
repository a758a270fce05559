using System.Globalization;
using System.Security.Claims;
using System.Text.Encodings.Web;
using GeoDR.Api;
using GeoDR.Configuration;
using GeoDR.Sites;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace GeoDR.Dashboard.Access;

/// <summary>
/// Takes the user that a trusted proxy names in a header, with the role that the groups header gives. Such a user is no local one,
/// whatever the name: the audit log calls it "proxy NAME", and it has no password here.
/// </summary>
internal sealed class ProxyAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logs, UrlEncoder encoder, GeoSettings settings, TimeProvider time)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logs, encoder)
{
    public const string Name = "Proxy";

    private const int MostCharacters = 128;
    private const int MostGroups = 8192;
    private const string UntilClaim = "geodr:until";

    // A page that stays open makes no requests, and no proxy is asked again: when this is over it is loaded anew.
    private static readonly TimeSpan s_lifetime = TimeSpan.FromHours(1);

    /// <summary>A header that names nobody leaves the local sign-in.</summary>
    public static bool Applies(HttpContext http, SignInSettings settings) =>
        settings.Header is { } header && http.Request.Headers.TryGetValue(header, out var values) && values.ToString().Length > 0 && ClientAddress.IsFromProxy(http);

    public static bool IsProxied(ClaimsPrincipal user) => user.Identity?.AuthenticationType == Name;

    public static bool IsCurrent(ClaimsPrincipal user, DateTimeOffset now) =>
        long.TryParse(user.FindFirstValue(UntilClaim), CultureInfo.InvariantCulture, out var until) && now.ToUnixTimeSeconds() < until;

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var signIn = settings.SignIn;
        if (!Applies(Context, signIn))
            return Task.FromResult(AuthenticateResult.NoResult());
        // Twice, the client may have sent one of them; a comma is two that something on the way made one of.
        if (Request.Headers[signIn.Header!] is not [{ Length: <= MostCharacters } user] || user != user.Trim() || user.Any(c => char.IsControl(c) || c == ','))
            return RefuseAsync("the header is not one user name");
        var groups = Request.Headers[signIn.GroupsHeader!];
        if (groups.Count > 1 || groups.ToString() is { } named && (named.Length > MostGroups || named.Any(char.IsControl)))
            return RefuseAsync("the groups header is not one list");
        // The proxy's cookie may go along with what another site's page sends; a WebSocket, too.
        if (!SameOrigin.Holds(Request))
        {
            Context.Refuse(RefusalKinds.Origin, AccountRules.ProxyPrefix + user);
            return Task.FromResult(AuthenticateResult.Fail("the call comes from another site"));
        }
        List<Claim> claims = [new(ClaimTypes.Name, AccountRules.ProxyPrefix + user), new(UntilClaim, (time.GetUtcNow() + s_lifetime).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture))];
        if (signIn.RoleOf(groups.ToString().Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)) is { } role)
            claims.Add(new(ClaimTypes.Role, role));
        return Task.FromResult(AuthenticateResult.Success(new(new(new ClaimsIdentity(claims, Name)), Name)));
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties)
    {
        Response.StatusCode = StatusCodes.Status403Forbidden;
        return Response.WriteAsync(
            Roles.All.Any(Context.User.IsInRole) ? $"{Context.User.Identity?.Name} may not do this here."
            : $"The proxy named you, {Context.User.Identity?.Name}, and none of your groups has a role here (Geo:SignIn:Viewer, Operator, Admin).", Context.RequestAborted);
    }

    private Task<AuthenticateResult> RefuseAsync(string why)
    {
        Context.Refuse(RefusalKinds.Header);
        return Task.FromResult(AuthenticateResult.Fail(why));
    }
}
