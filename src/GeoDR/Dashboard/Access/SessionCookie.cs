using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.Extensions.Options;
using Npgsql;

namespace GeoDR.Dashboard.Access;

/// <summary>The dashboard's cookies: the session, checked against the user on every request, and the anti-forgery token.</summary>
public sealed partial class SessionCookie(IConfiguration configuration)
    : IConfigureNamedOptions<CookieAuthenticationOptions>, IConfigureOptions<AntiforgeryOptions>
{
    private static readonly TimeSpan s_lifetime = TimeSpan.FromHours(8);

    // Browsers keep cookies by host and not by port: two sites on one machine must not overwrite each other's.
    private string Suffix => NotInNames().Replace(configuration["Geo:Site:Name"] ?? "site", "-");

    public void Configure(string? name, CookieAuthenticationOptions options) => Configure(options);

    public void Configure(CookieAuthenticationOptions options)
    {
        options.Cookie.Name = $"geodr-session-{Suffix}";
        options.Cookie.HttpOnly = true;
        options.Cookie.SameSite = SameSiteMode.Strict;
        options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
        options.ExpireTimeSpan = s_lifetime;
        options.SlidingExpiration = true;
        options.LoginPath = "/login";
        options.ReturnUrlParameter = "returnUrl";
        options.Events.OnValidatePrincipal = ValidateAsync;
        options.Events.OnRedirectToLogin = context => AnswerAsync(context, StatusCodes.Status401Unauthorized);
        options.Events.OnRedirectToAccessDenied = context => AnswerAsync(context, StatusCodes.Status403Forbidden);
    }

    public void Configure(AntiforgeryOptions options)
    {
        // The dashboard's own header is stricter.
        options.SuppressXFrameOptionsHeader = true;
        options.Cookie.Name = $"geodr-form-{Suffix}";
        options.Cookie.SameSite = SameSiteMode.Strict;
        options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
    }

    /// <summary>Only people are redirected; a program, a registry's notification above all, gets the status.</summary>
    private static Task AnswerAsync(RedirectContext<CookieAuthenticationOptions> context, int status)
    {
        var request = context.Request;
        if (status == StatusCodes.Status401Unauthorized && request.Cookies.ContainsKey(context.Options.Cookie.Name!))
            context.HttpContext.Refuse(RefusalKinds.Session);
        if (status == StatusCodes.Status403Forbidden && !IsForPrograms(request.Path))
        {
            // Not to the sign-in page: whoever is signed in would be sent back here from there.
            context.Response.StatusCode = status;
            return context.Response.WriteAsync($"{context.HttpContext.User.Identity?.Name} may not see this. An administrator can give another role.", context.HttpContext.RequestAborted);
        }
        if (IsForPrograms(request.Path) || !(HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method)))
            context.Response.StatusCode = status;
        else
            context.Response.Redirect(context.RedirectUri);
        return Task.CompletedTask;
    }

    private static bool IsForPrograms(PathString path) =>
        path.StartsWithSegments("/api") || path.StartsWithSegments("/healthz") || path.StartsWithSegments("/metrics")
        || path.StartsWithSegments("/token") || path.StartsWithSegments("/openapi") || path.StartsWithSegments("/_blazor");

    private static async Task ValidateAsync(CookieValidatePrincipalContext context)
    {
        var signIn = context.HttpContext.RequestServices.GetRequiredService<SignIn>();
        try
        {
            if (await signIn.IsCurrentAsync(context.Principal!, context.HttpContext.RequestAborted))
                return;
        }
        catch (NpgsqlException)
        {
            // Nobody can be vouched for now; the cookie itself may still be good when the database is back.
            context.HttpContext.NotRefused();
            context.RejectPrincipal();
            return;
        }
        context.RejectPrincipal();
        await context.HttpContext.SignOutAsync(CookieAuthenticationDefaults.AuthenticationScheme);
    }

    [GeneratedRegex("[^A-Za-z0-9_-]")]
    private static partial Regex NotInNames();
}
