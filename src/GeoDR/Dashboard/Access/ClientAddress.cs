using System.Net;
using System.Security.Claims;
using GeoDR.Audit;
using GeoDR.Configuration;
using Microsoft.AspNetCore.HttpOverrides;

namespace GeoDR.Dashboard.Access;

/// <summary>From where a call comes: the connection's other end, or what a proxy that the settings trust says of it.</summary>
internal static class ClientAddress
{
    // A claim, so that a page's circuit, which makes no requests, knows it too.
    private const string Claim = "geodr:address";

    private static readonly object s_peer = new();

    public static string Of(HttpContext http) => Text(http.Connection.RemoteIpAddress);

    public static string? Of(ClaimsPrincipal user) => user.FindFirstValue(Claim);

    /// <summary>Whether the connection itself comes from a trusted proxy, whatever that says of its client.</summary>
    public static bool IsFromProxy(HttpContext http) => http.RequestServices.GetRequiredService<GeoSettings>().SignIn.Trusts(http.Items[s_peer] as IPAddress);

    /// <summary>Before everything that looks at who calls.</summary>
    public static void UseClientAddress(this WebApplication app)
    {
        var settings = app.Services.GetRequiredService<GeoSettings>().SignIn;
        app.Use((http, next) =>
        {
            var peer = http.Connection.RemoteIpAddress;
            http.Items[s_peer] = peer;
            if (settings.Header is { } header && http.Request.Headers.ContainsKey(header) && !settings.Trusts(peer))
            {
                http.Note(RefusalKinds.Header);
                http.Request.Headers.Remove(header);
            }
            return next(http);
        });
        if (settings.TrustedProxies.Count > 0)
        {
            var options = new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto, ForwardLimit = null };
            options.KnownIPNetworks.Clear();
            options.KnownProxies.Clear();
            foreach (var network in settings.TrustedProxies)
                options.KnownIPNetworks.Add(network);
            app.UseForwardedHeaders(options);
        }
        app.Use(async (http, next) =>
        {
            AuditOrigin.Address = Of(http);
            await next(http);
        });
    }

    /// <summary>After sign-in: the address goes with whoever signed in.</summary>
    public static void UseAddressClaim(this IApplicationBuilder app) => app.Use((http, next) =>
    {
        // A new principal: what is renewed in the session's cookie is the old one.
        http.User = new(http.User.Identities.Append(new ClaimsIdentity([new(Claim, Of(http))])));
        return next(http);
    });

    private static string Text(IPAddress? address) => address switch
    {
        null => "unknown",
        { IsIPv4MappedToIPv6: true } => address.MapToIPv4().ToString(),
        _ => address.ToString(),
    };
}
