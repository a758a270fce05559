using System.Diagnostics.CodeAnalysis;
using GeoDR.Dashboard.Access;
using GeoDR.Sites;
using GeoDR.Status;
using GeoDR.SyncState;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authentication.Cookies;

namespace GeoDR.Api;

/// <summary>A request for many rows: by the list's own filter, or all. An empty filter is refused, so that nothing is marked by mistake.</summary>
internal sealed record ResyncRequest(bool? All, string? State, string? Search, string? Verification, string? Cause, bool? Paused);

/// <summary>What was recorded: watch it at <c>/api/v1/requests/{id}</c>, stop it by DELETE.</summary>
internal sealed record RecordedRequest(long Id);

/// <summary>A page of repositories; <c>Next</c> is the <c>after</c> of the page that follows.</summary>
internal sealed record RepositoryPage(IReadOnlyList<RepositoryRow> Items, string? Next);

/// <summary>What the dashboard shows and does, over HTTP.</summary>
internal static class RepositoryApi
{
    private const int MaxLimit = 1000;

    public static void MapRepositoryApi(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/api/v1").RequireAuthorization(Roles.Viewer);
        read.MapGet("/status", StatusAsync);
        read.MapGet("/sites", SitesAsync);
        read.MapGet("/repositories", ListAsync);
        read.MapGet("/repositories/{id:long}", GetAsync);
        read.MapGet("/repositories/{id:long}/attempts", AttemptsAsync);
        read.MapGet("/repositories/{id:long}/tags", TagsAsync);
        read.MapGet("/repositories/{id:long}/events", async (long id, RepositoryList list, EventList events, int? limit, CancellationToken cancel) =>
            limit is < 1 or > MaxLimit ? Bad($"limit is from 1 to {MaxLimit}")
            : await list.GetAsync(id, cancel) is not { } row ? NotFound($"repository {id}")
            : Results.Ok(new { items = await events.NewestAsync(new(row.Name, null, null), limit ?? 50, cancel) }));
        read.MapGet("/repositories/{id:long}/damage", VerificationApi.DamageAsync);
        read.MapGet("/requests", (Requests requests, CancellationToken cancel) => requests.ListAsync(running: false, 100, cancel));
        read.MapGet("/requests/{id:long}", async (long id, Requests requests, CancellationToken cancel) =>
            (await requests.ListAsync(running: false, 1000, cancel)).FirstOrDefault(r => r.Id == id) is { } found ? Results.Ok(found) : NotFound($"request {id}"));
        var write = routes.MapGroup("/api/v1").RequireAuthorization(Roles.Operator).AddEndpointFilter<SameOriginFilter>();
        write.MapPost("/repositories/{id:long}/resync", ResyncOneAsync);
        write.MapPost("/repositories/{id:long}/pause", (long id, RepositoryList list, Requests requests, HttpContext http, CancellationToken cancel) => PauseOneAsync(id, true, list, requests, http, cancel));
        write.MapPost("/repositories/{id:long}/resume", (long id, RepositoryList list, Requests requests, HttpContext http, CancellationToken cancel) => PauseOneAsync(id, false, list, requests, http, cancel));
        write.MapPost("/repositories/resync", ResyncManyAsync);
        write.MapReverify();
        write.MapDelete("/requests/{id:long}", async (long id, Requests requests, HttpContext http, CancellationToken cancel) =>
            await requests.StopAsync(id, http.User.Identity?.Name ?? "api", cancel) ? Results.NoContent() : NotFound($"running request {id}"));
        write.MapPost("/pause", (SiteStore sites, HttpContext http, CancellationToken cancel) => PauseAsync(sites, true, http, cancel));
        write.MapPost("/resume", (SiteStore sites, HttpContext http, CancellationToken cancel) => PauseAsync(sites, false, http, cancel));
    }

    private static async Task<IResult> StatusAsync(StatusReader status, CancellationToken cancel) =>
        await status.ReadAsync(cancel) is { } found ? Results.Ok(found) : NotFound("a started site");

    private static async Task<IResult> SitesAsync(StatusReader status, SiteRows rows, SiteBook book, CancellationToken cancel) =>
        await status.ReadAsync(cancel) is { } own
            ? Results.Ok(new { Items = await rows.ReadAsync(own, cancel), own, own.Peers, Known = await book.ListAsync(cancel) }) : NotFound("a started site");

    private static async Task<IResult> ListAsync(
        RepositoryList list, string? state, string? search, string? verification, string? cause, bool? paused, string? sort, string? name, string? after, int? limit,
        CancellationToken cancel)
    {
        if (name is not null)
            return Results.Ok(new RepositoryPage(await list.FindAsync(name, cancel) is { } row ? [row] : [], null));
        if (!TryFilter(state, search, verification, cause, paused, out var filter, out var bad))
            return bad;
        if (limit is < 1 or > MaxLimit)
            return Bad($"limit is from 1 to {MaxLimit}");
        if (RepositoryOrder.Parse(sort) is not { } order)
            return Bad($"'{sort}' is nothing to sort by; write name, lastSynced, waiting or nextTry, with a minus in front for the other way round");
        var from = after is null ? null : RepositoryCursor.Parse(after);
        if (after is not null && from?.Order != order)
            return Bad("after is the next of a page in the same order, and nothing else");
        var page = await list.ListAsync(filter, order, from, backwards: false, limit ?? 100, cancel);
        return Results.Ok(new RepositoryPage(page.Rows, page.Next?.ToString()));
    }

    private static async Task<IResult> GetAsync(long id, RepositoryList list, CancellationToken cancel) =>
        await list.GetAsync(id, cancel) is { } row ? Results.Ok(row) : NotFound($"repository {id}");

    private static async Task<IResult> AttemptsAsync(long id, RepositoryList list, AttemptList attempts, int? limit, CancellationToken cancel) =>
        limit is < 1 or > MaxLimit ? Bad($"limit is from 1 to {MaxLimit}")
        : await list.GetAsync(id, cancel) is null ? NotFound($"repository {id}")
        : Results.Ok(new { items = await attempts.ListAsync(id, limit ?? 50, cancel) });

    private static async Task<IResult> TagsAsync(long id, RepositoryList list, IServiceProvider services, int? limit, CancellationToken cancel) =>
        limit is < 1 or > MaxLimit ? Bad($"limit is from 1 to {MaxLimit}")
        : await list.GetAsync(id, cancel) is not { } row ? NotFound($"repository {id}")
        : services.GetService<TagComparison>() is { } tags ? Results.Ok(await tags.ReadAsync(row.Name, limit ?? 100, cancel))
        : Problems.Conflict("This site is a primary", "Tags are compared side by side at a secondary.");

    private static async Task<IResult> ResyncOneAsync(long id, RepositoryList list, Requests requests, HttpContext http, CancellationToken cancel) =>
        await list.GetAsync(id, cancel) is { } row && await requests.ResyncOneAsync(row.Name, http.User.Identity?.Name ?? "api", cancel) ? Results.Accepted() : NotFound($"repository {id}");

    private static async Task<IResult> PauseOneAsync(long id, bool paused, RepositoryList list, Requests requests, HttpContext http, CancellationToken cancel) =>
        await list.GetAsync(id, cancel) is { } row && await requests.PauseOneAsync(row.Name, paused, http.User.Identity?.Name ?? "api", cancel) ? Results.NoContent() : NotFound($"repository {id}");

    private static async Task<IResult> ResyncManyAsync(ResyncRequest wish, Requests requests, HttpContext http, CancellationToken cancel)
    {
        if (!TryWish(wish.All, wish.State, wish.Search, wish.Verification, wish.Cause, wish.Paused, out var filter, out var bad))
            return bad;
        var id = await requests.ResyncAsync(filter, http.User.Identity?.Name ?? "api", cancel);
        return Results.Accepted($"/api/v1/requests/{id}", new RecordedRequest(id));
    }

    private static async Task<IResult> PauseAsync(SiteStore sites, bool paused, HttpContext http, CancellationToken cancel)
    {
        await sites.PauseAsync(paused, http.User.Identity?.Name ?? "api", cancel);
        return Results.NoContent();
    }

    /// <summary>A filter for many rows: an empty one is refused unless all are meant.</summary>
    internal static bool TryWish(
        bool? all, string? state, string? search, string? verification, string? cause, bool? paused, out RowFilter filter, [NotNullWhen(false)] out IResult? bad)
    {
        if (!TryFilter(state, search, verification, cause, paused, out filter, out bad))
            return false;
        bad = (all == true, filter.IsEmpty) switch
        {
            (false, true) => Bad("an empty filter marks nothing: give state, search, verification, cause or paused, or {\"all\": true}"),
            (true, false) => Bad("all and a filter exclude each other"),
            _ => null,
        };
        return bad is null;
    }

    private static bool TryFilter(
        string? state, string? search, string? verification, string? cause, bool? paused, out RowFilter filter, [NotNullWhen(false)] out IResult? bad)
    {
        var (knownState, knownCheck) = (StateWord.TryParse<RepositoryState>(state, out var wanted), StateWord.TryParse<VerificationState>(verification, out var check));
        filter = new(wanted, search, check, cause, paused);
        bad = !knownState ? Bad($"'{state}' is no state; write {StateWord.All<RepositoryState>()}")
            : !knownCheck ? Bad($"'{verification}' is no state of a check; write {StateWord.All<VerificationState>()}")
            : null;
        return bad is null;
    }

    internal static IResult Bad(string detail) => Results.Problem(statusCode: 400, title: "The call cannot be understood", detail: detail);

    internal static IResult NotFound(string what) => Results.Problem(statusCode: 404, title: $"There is no {what}");
}

/// <summary>
/// A write with the dashboard's cookie must come from the dashboard itself: the cookie is SameSite=Strict, another site's origin is refused, and so
/// is a call without the anti-forgery token that stands in the dashboard's pages. A call with an API token is no browser's.
/// </summary>
internal sealed class SameOriginFilter : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        if (!SameOrigin.Holds(http.Request))
        {
            http.Refuse(RefusalKinds.Origin, http.User.Identity?.Name);
            return Results.Problem(statusCode: 403, title: "The call comes from another site");
        }
        if (http.User.Identity?.AuthenticationType == CookieAuthenticationDefaults.AuthenticationScheme && !await http.RequestServices.GetRequiredService<IAntiforgery>().IsRequestValidAsync(http))
        {
            http.Refuse(RefusalKinds.Form, http.User.Identity?.Name);
            return Results.Problem(
                statusCode: 400, title: "The anti-forgery token is missing",
                detail: "A session's write needs it in the header RequestVerificationToken: the field __RequestVerificationToken of any of the dashboard's pages. For scripts there are API tokens: `geodr apitoken new`.");
        }
        return await next(context);
    }
}

/// <summary>Whether a browser sends a call from a page of this site; a call that names no origin is no browser's write.</summary>
internal static class SameOrigin
{
    public static bool Holds(HttpRequest request) => request.Headers.Origin.ToString() is not { Length: > 0 } origin
        || Uri.TryCreate(origin, UriKind.Absolute, out var from) && from.Authority == request.Host.Value;
}
