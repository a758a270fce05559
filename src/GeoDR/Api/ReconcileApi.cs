using GeoDR.Audit;
using GeoDR.Reconcile;
using GeoDR.Sites;

namespace GeoDR.Api;

/// <summary>The comparisons: what they found, and asking for one.</summary>
internal static class ReconcileApi
{
    public static void MapReconcileApi(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/api/v1/reconcile").RequireAuthorization(Roles.Viewer);
        read.MapGet("", async (ReconcileRuns runs, CancellationToken cancel) => Results.Ok(new { items = await runs.ListAsync(100, cancel) }));
        read.MapGet("/{id:long}", async (long id, ReconcileRuns runs, CancellationToken cancel) =>
            (await runs.ListAsync(1000, cancel)).FirstOrDefault(r => r.Id == id) is { } run
                ? Results.Ok(new { run, findings = (await runs.FindingsAsync(id, cancel)).Select(f => new { f.Repository, f.Tag, kind = f.Kind.ToString().ToLowerInvariant(), f.Known, f.Found }) })
                : Results.Problem(statusCode: 404, title: $"There is no comparison {id}"));
        routes.MapGroup("/api/v1/reconcile").RequireAuthorization(Roles.Operator).AddEndpointFilter<SameOriginFilter>()
            .MapPost("", async (ReconcileRuns runs, AuditLog audit, HttpContext http, CancellationToken cancel) =>
            {
                var who = http.User.Identity?.Name ?? "api";
                await runs.WantAsync($"asked for by {who}", cancel);
                await audit.NoteAsync(who, AuditWords.Compared, null, null, null, cancel);
                return Results.Accepted("/api/v1/reconcile");
            });
    }
}
