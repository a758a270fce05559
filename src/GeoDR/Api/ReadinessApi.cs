using GeoDR.Readiness;
using GeoDR.Schedules;
using GeoDR.Sites;

namespace GeoDR.Api;

/// <summary>Whether this site could take over, over HTTP: the preflight, the drills and their reports.</summary>
internal static class ReadinessApi
{
    public static void MapReadinessApi(this IEndpointRouteBuilder routes)
    {
        // It pushes a canary: whoever only looks may not ask for it.
        routes.MapGroup("/api/v1").RequireAuthorization(Roles.Operator).MapGet("/preflight", async (PreflightReader preflight, CancellationToken cancel) =>
            await preflight.ReadAsync(cancel) is { } report ? Results.Ok(report) : NoSecondary());
        var read = routes.MapGroup("/api/v1/drill").RequireAuthorization(Roles.Viewer);
        read.MapGet("", ListAsync);
        read.MapGet("/{id:long}", async (long id, DrillRuns drills, CancellationToken cancel) =>
            await drills.GetAsync(id, cancel) is { } run ? Results.Ok(run) : Problems.NotFound($"drill {id}"));
        routes.MapGroup("/api/v1/drill").RequireAuthorization(Roles.Operator).AddEndpointFilter<SameOriginFilter>()
            .MapPost("", async (ScheduleList schedules, HttpContext http, CancellationToken cancel) =>
                await schedules.WantAsync("drill", http.User.Identity?.Name ?? "api", cancel) ? Results.Accepted("/api/v1/drill") : NoSecondary());
    }

    private static async Task<IResult> ListAsync(int? limit, DrillRuns drills, CancellationToken cancel) =>
        Problems.BadLimit(limit) is { } bad ? bad : Results.Ok(new { items = await drills.ListAsync(limit ?? 20, cancel) });

    private static IResult NoSecondary() => Problems.Conflict("This site is no secondary", "Only a secondary can take over: ask it there.");
}
