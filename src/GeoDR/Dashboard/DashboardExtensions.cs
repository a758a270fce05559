using GeoDR.Api;
using GeoDR.Audit;
using GeoDR.Dashboard.Access;
using GeoDR.Dashboard.Live;
using GeoDR.Sites;
using GeoDR.Status;
using GeoDR.SyncState;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Npgsql;
using Radzen;

namespace GeoDR.Dashboard;

/// <summary>The dashboard: what it needs and where it answers. The host brings the site's own <see cref="NpgsqlDataSource"/>.</summary>
public static class DashboardExtensions
{
    // Blazor and Radzen set styles on elements; scripts come from this site alone. 'self' covers the circuit's WebSocket.
    private const string ContentPolicy =
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
        + "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

    public static IServiceCollection AddDashboard(this IServiceCollection services)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<StatusReader>();
        services.TryAddSingleton<RepositoryList>();
        services.TryAddSingleton<Requests>();
        services.TryAddSingleton<SiteStore>();
        services.TryAddSingleton<UserStore>();
        services.TryAddSingleton<LiveStatus>();
        services.AddHostedService(provider => provider.GetRequiredService<LiveStatus>());
        services.AddRazorComponents().AddInteractiveServerComponents();
        services.AddRadzenComponents();
        return services.AddAccess();
    }

    public static WebApplication MapDashboard(this WebApplication app)
    {
        app.Use(static (context, next) =>
        {
            var headers = context.Response.Headers;
            headers.ContentSecurityPolicy = ContentPolicy;
            headers.XContentTypeOptions = "nosniff";
            headers.XFrameOptions = "DENY";
            headers["Referrer-Policy"] = "no-referrer";
            return next(context);
        });
        app.UseClientAddress();
        app.UseRefusals();
        app.UseAuthentication();
        app.UseAddressClaim();
        app.UseAuthorization();
        app.UseAntiforgery();
        app.MapStaticAssets().AllowAnonymous();
        app.MapLogin();
        app.MapRazorComponents<App>()
            // The policy above says it already; two headers of it would be read together.
            .AddInteractiveServerRenderMode(options => options.ContentSecurityFrameAncestorsPolicy = null)
            .RequireAuthorization(Roles.Viewer);
        return app;
    }

    private static IServiceCollection AddAccess(this IServiceCollection services)
    {
        services.TryAddSingleton<AuditLog>();
        services.AddSingleton<Refusals>().AddHostedService(p => p.GetRequiredService<Refusals>());
        services.TryAddSingleton<SignIn>();
        services.AddSingleton<UserAccounts>().AddSingleton<TokenAccounts>();
        services.AddScoped<Actor>();
        services.AddScoped<Operations>();
        services.AddScoped<AuthenticationStateProvider, SessionCheck>();
        services.AddCascadingAuthenticationState();
        services.AddAntiforgery();
        services.TryAddSingleton<ApiTokenStore>();
        services.AddAuthentication(ApiTokenAuthentication.EitherScheme)
            .AddPolicyScheme(ApiTokenAuthentication.EitherScheme, null, options => options.ForwardDefaultSelector = ApiTokenAuthentication.SchemeOf)
            .AddScheme<AuthenticationSchemeOptions, ApiTokenAuthentication>(ApiTokenAuthentication.Name, null)
            .AddScheme<AuthenticationSchemeOptions, ProxyAuthentication>(ProxyAuthentication.Name, null)
            .AddCookie();
        services.AddSingleton<SessionCookie>();
        services.AddSingleton<IConfigureOptions<CookieAuthenticationOptions>>(p => p.GetRequiredService<SessionCookie>());
        services.AddSingleton<IConfigureOptions<AntiforgeryOptions>>(p => p.GetRequiredService<SessionCookie>());
        services.AddDataProtection().SetApplicationName("geodr");
        services.AddOptions<KeyManagementOptions>().Configure<NpgsqlDataSource>((options, source) => options.XmlRepository = new DataProtectionStore(source));
        var authorization = services.AddAuthorizationBuilder();
        foreach (var needed in Roles.All)
            authorization.AddPolicy(needed, policy => policy.RequireRole(Roles.All.Where(held => Roles.Includes(held, needed))));
        return services;
    }
}
