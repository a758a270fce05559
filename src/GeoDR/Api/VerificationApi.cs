using GeoDR.Audit;
using GeoDR.Status;
using GeoDR.SyncState;
using GeoDR.Verification;

namespace GeoDR.Api;

/// <summary>Which rows to check, and whether their bytes are read. An empty filter is refused, so that nothing is marked by mistake.</summary>
internal sealed record ReverifyRequest(bool? All, string? State, string? Search, string? Verification, string? Cause, bool? Paused, bool? Deep);

/// <summary>Verification over HTTP.</summary>
internal static class VerificationApi
{
    public static void MapReverify(this IEndpointRouteBuilder write)
    {
        write.MapPost("/repositories/{id:long}/reverify", OneAsync);
        write.MapPost("/repositories/reverify", ManyAsync);
    }

    /// <summary>What was found in a repository, healed or not.</summary>
    public static async Task<IResult> DamageAsync(long id, RepositoryList list, DamageList damage, CancellationToken cancel) =>
        await list.GetAsync(id, cancel) is null ? RepositoryApi.NotFound($"repository {id}") : Results.Ok(new { items = await damage.ListAsync(id, 100, cancel) });

    private static async Task<IResult> OneAsync(long id, bool? deep, RepositoryList list, Checks checks, AuditLog audit, HttpContext http, CancellationToken cancel)
    {
        if (await list.GetAsync(id, cancel) is not { } row || (await checks.AskAsync(row.Name, RowFilter.All, deep == true, cancel)).Marked == 0)
            return RepositoryApi.NotFound($"repository {id}");
        await audit.NoteAsync(http.User.Identity?.Name ?? "api", Requests.Reverify, row.Name, null, deep == true ? AuditWords.Deep : null, cancel);
        return Results.Accepted();
    }

    private static async Task<IResult> ManyAsync(ReverifyRequest wish, Requests requests, HttpContext http, CancellationToken cancel)
    {
        if (!RepositoryApi.TryWish(wish.All, wish.State, wish.Search, wish.Verification, wish.Cause, wish.Paused, out var filter, out var bad))
            return bad;
        var id = await requests.ReverifyAsync(filter, wish.Deep == true, http.User.Identity?.Name ?? "api", cancel);
        return Results.Accepted($"/api/v1/requests/{id}", new RecordedRequest(id));
    }
}
