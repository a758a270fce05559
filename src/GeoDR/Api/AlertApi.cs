using GeoDR.Alerts;
using GeoDR.Audit;
using GeoDR.Configuration;
using GeoDR.Sites;

namespace GeoDR.Api;

/// <summary>The alerts, and whether their messages arrive.</summary>
internal static class AlertApi
{
    public static void MapAlertApi(this IEndpointRouteBuilder routes)
    {
        routes.MapGroup("/api/v1").RequireAuthorization(Roles.Viewer).MapGet("/alerts", ListAsync);
        routes.MapGroup("/api/v1").RequireAuthorization(Roles.Operator).AddEndpointFilter<SameOriginFilter>().MapPost("/alerts/test", TestAsync);
    }

    private static async Task<IResult> ListAsync(AlertList alerts, AlertTargets targets, string? state, int? limit, CancellationToken cancel)
    {
        if (state is not (null or "" or "open" or "ended"))
            return Problems.Bad($"'{state}' is no state; write open or ended");
        if (Problems.BadLimit(limit) is { } bad)
            return bad;
        bool? open = string.IsNullOrEmpty(state) ? null : state == "open";
        return Results.Ok(new
        {
            items = await alerts.ListAsync(open, limit ?? 100, cancel), targets = targets.Names, deliveries = await alerts.DeliveriesAsync(limit ?? 100, cancel),
        });
    }

    private static async Task<IResult> TestAsync(AlertTargets targets, GeoSettings settings, AuditLog audit, HttpContext http, TimeProvider time, CancellationToken cancel)
    {
        await audit.NoteAsync(http.User.Identity?.Name ?? "api", AuditWords.AlertTest, null, null, null, cancel);
        var results = await targets.TestAsync(settings.SiteName, time, cancel);
        return Results.Ok(new { items = results.Select(r => new { r.Target, r.Result.Delivered, r.Result.Error }) });
    }
}
