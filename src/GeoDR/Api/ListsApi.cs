using GeoDR.Configuration;
using GeoDR.Sites;
using GeoDR.Status;
using GeoDR.SyncState;

namespace GeoDR.Api;

/// <summary>Which failures to try again.</summary>
internal sealed record RetryRequest(string? Cause);

/// <summary>Events, failures and workers, over HTTP.</summary>
internal static class ListsApi
{
    public static void MapListsApi(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/api/v1").RequireAuthorization(Roles.Viewer);
        read.MapGet("/events", EventsAsync);
        read.MapGet("/intake", (IntakeReader intake, CancellationToken cancel) => intake.ReadAsync(cancel));
        read.MapGet("/charts", async (History history, TimeProvider time, string? range, CancellationToken cancel) =>
            await history.ReadAsync(range ?? "hour", time.GetUtcNow(), cancel) is { } chart ? Results.Ok(chart) : Problems.Bad($"range is one of {string.Join(", ", History.Ranges)}"));
        read.MapGet("/settings", (GeoSettings settings) => new Whole<ShownSetting>(settings.Shown));
        read.MapGet("/failures", async (FailureGroups failures, CancellationToken cancel) => new Whole<FailureGroup>(await failures.ListAsync(cancel)));
        read.MapGet("/workers", async (WorkerList workers, CancellationToken cancel) => new Whole<WorkerRow>(await workers.ListAsync(cancel)));
        routes.MapGroup("/api/v1").RequireAuthorization(Roles.Operator).AddEndpointFilter<SameOriginFilter>().MapPost("/failures/retry", RetryAsync);
    }

    private static async Task<IResult> EventsAsync(EventList events, long? after, int? limit, string? repository, string? kind, long? before, CancellationToken cancel)
    {
        if (Problems.BadLimit(limit) is { } bad)
            return bad;
        var most = limit ?? 100;
        if (kind is not null && !EventFilter.Kinds.Contains(kind))
            return Problems.Bad($"kind is one of {string.Join(", ", EventFilter.Kinds)}");
        if ((repository ?? kind) is not null || before is not null)
        {
            if (after is not null)
                return Problems.Bad("after reads the whole log, the oldest first; repository, kind and before give the newest first");
            var newest = await events.NewestAsync(EventFilter.From(repository, kind, before), most, cancel);
            return Results.Ok(new { items = newest, before = newest.Count == most ? newest[^1].Id : (long?)null });
        }
        var page = await events.ListAsync(after ?? 0, most, cancel);
        return Results.Ok(new Page<EventRow, long?>(page, page.Count == most ? page[^1].Id : null));
    }

    private static async Task<IResult> RetryAsync(RetryRequest wish, Requests requests, HttpContext http, CancellationToken cancel) =>
        string.IsNullOrEmpty(wish.Cause) || wish.Cause.Contains('\0')
            ? Problems.Bad("an empty cause marks nothing: give one of GET /api/v1/failures")
            : Results.Ok(new { marked = await requests.ResyncCauseAsync(wish.Cause, http.User.Identity?.Name ?? "api", cancel) });
}
