using GeoDR.Audit;
using GeoDR.Deletion;
using GeoDR.Sites;

namespace GeoDR.Api;

/// <summary>A page of deletions; <c>Next</c> is the <c>after</c> of the page that follows.</summary>
internal sealed record DeletionPage(IReadOnlyList<DeletionRow> Items, long? Next);

/// <summary>A page of the audit log, the newest first; <c>Next</c> is the <c>before</c> of the page that follows.</summary>
internal sealed record AuditPage(IReadOnlyList<AuditEntry> Items, long? Next);

/// <summary>How many candidates an operator's word reached.</summary>
internal sealed record DeletionsSaid(long Count);

/// <summary>The deletions in quarantine, and the audit log.</summary>
internal static class DeletionApi
{
    private const int MaxLimit = 1000;

    public static void MapDeletionApi(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/api/v1").RequireAuthorization(Roles.Viewer);
        read.MapGet("/deletions", ListAsync);
        read.MapGet("/audit", AuditAsync);
        var write = routes.MapGroup("/api/v1/deletions").RequireAuthorization(Roles.Operator).AddEndpointFilter<SameOriginFilter>();
        write.MapPost("/{id:long}/keep", async (long id, Deletions deletions, HttpContext http, CancellationToken cancel) =>
            Said(id, await deletions.KeepAsync(new(id), Who(http), cancel)));
        write.MapPost("/{id:long}/release", async (long id, Deletions deletions, HttpContext http, CancellationToken cancel) =>
            Said(id, await deletions.ReleaseAsync(new(id), Who(http), cancel)));
        write.MapPost("/release", async (Deletions deletions, HttpContext http, CancellationToken cancel) =>
            Results.Ok(new DeletionsSaid(await deletions.ReleaseAsync(new(All: true, Hold: Holds.Brake), Who(http), cancel))));
    }

    private static async Task<IResult> ListAsync(Deletions deletions, string? state, string? repository, long? after, int? limit, CancellationToken cancel)
    {
        if (state is { Length: > 0 } && !DeletionStates.All.Contains(state))
            return Bad($"'{state}' is no state; write {string.Join(", ", DeletionStates.All)}");
        if (limit is < 1 or > MaxLimit)
            return Bad($"limit is from 1 to {MaxLimit}");
        var most = limit ?? 100;
        var rows = await deletions.ListAsync(state is { Length: > 0 } ? state : null, repository, after ?? 0, most, cancel);
        return Results.Ok(new DeletionPage(rows, rows.Count == most ? rows[^1].Id : null));
    }

    private static async Task<IResult> AuditAsync(AuditLog audit, string? repository, string? who, bool? refused, long? before, int? limit, CancellationToken cancel)
    {
        if (limit is < 1 or > MaxLimit)
            return Bad($"limit is from 1 to {MaxLimit}");
        var most = limit ?? 100;
        var entries = await audit.ListAsync(new(repository, who, refused), before, most, cancel);
        return Results.Ok(new AuditPage(entries, entries.Count == most ? entries[^1].Id : null));
    }

    private static string Who(HttpContext http) => http.User.Identity?.Name ?? "api";

    private static IResult Said(long id, long count) => count == 1 ? Results.NoContent()
        : Results.Problem(statusCode: 404, title: $"There is no deletion {id} to which that could be said");

    private static IResult Bad(string detail) => Results.Problem(statusCode: 400, title: "The call cannot be understood", detail: detail);
}
