using GeoDR.Audit;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Http.HttpResults;

namespace GeoDR.Dashboard.Access;

/// <summary>/login and /logout: plain forms, because a cookie needs an answer of its own and not a circuit.</summary>
public static class LoginEndpoints
{
    // One text for every refusal: it must not tell who exists.
    private const string Refused = "This name and password do not match, or there were too many attempts. After five, wait 15 minutes.";
    private const string Expired = "The form had expired. Please sign in again.";

    public static void MapLogin(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/login", (HttpContext context, string? returnUrl) =>
                context.User.Identity?.IsAuthenticated == true ? Results.LocalRedirect(Local(returnUrl)) : Page(returnUrl, null, null))
            .AllowAnonymous();
        // The token is checked by hand: a form that expired while it lay open deserves better than a bare 400.
        routes.MapPost("/login", LoginAsync).AllowAnonymous().DisableAntiforgery();
        routes.MapPost("/logout", LogoutAsync).AllowAnonymous().DisableAntiforgery();
    }

    private static async Task<IResult> LoginAsync(HttpContext context, IAntiforgery antiforgery, SignIn signIn, AuditLog audit, CancellationToken cancel)
    {
        if (!context.Request.HasFormContentType)
            return Results.BadRequest();
        var form = await context.Request.ReadFormAsync(cancel);
        var (name, returnUrl) = (form["name"].ToString(), form["returnUrl"].ToString());
        if (!await antiforgery.IsRequestValidAsync(context))
        {
            context.Refuse(RefusalKinds.Form);
            return Page(returnUrl, name, Expired);
        }
        var attempt = await signIn.VerifyAsync(name, form["password"], cancel);
        if (attempt.Principal is not { } principal)
        {
            context.Refuse(attempt.Refused!, attempt.Who);
            return Page(returnUrl, name, Refused);
        }
        await audit.NoteAsync(attempt.Who, "signed in", null, null, null, cancel);
        await context.SignInAsync(CookieAuthenticationDefaults.AuthenticationScheme, principal);
        return Results.LocalRedirect(Local(returnUrl));
    }

    private static async Task<IResult> LogoutAsync(HttpContext context, IAntiforgery antiforgery, AuditLog audit, CancellationToken cancel)
    {
        if (!await antiforgery.IsRequestValidAsync(context))
            context.Refuse(RefusalKinds.Form, context.User.Identity?.Name);
        else if (context.User.Identity is { IsAuthenticated: true, Name: { } name })
        {
            await context.SignOutAsync(CookieAuthenticationDefaults.AuthenticationScheme);
            await audit.NoteAsync(name, "signed out", null, null, null, cancel);
        }
        return Results.LocalRedirect("/login");
    }

    private static RazorComponentResult<LoginPage> Page(string? returnUrl, string? name, string? problem) => new(new Dictionary<string, object?>
    {
        [nameof(LoginPage.ReturnUrl)] = Local(returnUrl),
        [nameof(LoginPage.Name)] = name,
        [nameof(LoginPage.Problem)] = problem,
    })
    { StatusCode = problem is null ? StatusCodes.Status200OK : StatusCodes.Status400BadRequest };

    /// <summary>Only a path of this site; a browser reads "//" and "/\" as another host, and drops tabs and line ends first.</summary>
    public static string Local(string? url) =>
        url is ['/', ..] and not ['/', '/' or '\\', ..] && !url.Any(char.IsControl) && !url.StartsWith("/login", StringComparison.OrdinalIgnoreCase) ? url : "/";
}
