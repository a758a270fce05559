using GeoDR.Schedules;
using GeoDR.Sites;

namespace GeoDR.Api;

/// <summary>The schedules, their runs, and asking for one.</summary>
internal static class SchedulesApi
{
    public static void MapSchedulesApi(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/api/v1/schedules").RequireAuthorization(Roles.Viewer);
        read.MapGet("", async (ScheduleList list, CancellationToken cancel) => new Whole<ScheduleRow>(await list.ListAsync(cancel)));
        read.MapGet("/{name}/runs", RunsAsync);
        routes.MapGroup("/api/v1/schedules").RequireAuthorization(Roles.Operator).AddEndpointFilter<SameOriginFilter>()
            .MapPost("/{name}/run", async (string name, ScheduleList list, HttpContext http, CancellationToken cancel) =>
                await list.WantAsync(name, http.User.Identity?.Name ?? "api", cancel)
                    ? Results.Accepted($"/api/v1/schedules/{name}/runs") : NotFound(name));
    }

    private static async Task<IResult> RunsAsync(string name, int? limit, ScheduleList list, ScheduleRuns runs, CancellationToken cancel)
    {
        if (Problems.BadLimit(limit) is { } bad)
            return bad;
        return (await list.ListAsync(cancel)).Any(s => s.Name == name)
            ? Results.Ok(new { items = await runs.ListAsync(name, limit ?? 100, cancel) }) : NotFound(name);
    }

    private static IResult NotFound(string name) => Results.Problem(statusCode: 404, title: $"There is no schedule {name}");
}
