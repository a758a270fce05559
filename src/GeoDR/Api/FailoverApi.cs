using GeoDR.Failover;
using GeoDR.Sites;

namespace GeoDR.Api;

/// <summary>A decision about divergent tags; what is not named matches all.</summary>
internal sealed record DivergentCall(string? Site, string? Repository, string? Tag, string? Decision, bool All);

/// <summary>A promotion with its report.</summary>
internal sealed record PromotionView(Guid Id, bool Planned, string Status, string Step, string AskedBy, DateTimeOffset AskedAt, DateTimeOffset? EndedAt, Report Report)
{
    public static PromotionView Of(FailoverRun run) =>
        new(run.Id, run.Planned, run.Status, run.Step, run.AskedBy, run.AskedAt, run.EndedAt, Report.Parse(run.Report));
}

/// <summary>Sites, terms, promotions, and what only one site has.</summary>
internal static class FailoverApi
{
    private const int Most = 1000;

    public static void MapFailoverApi(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/api/v1").RequireAuthorization(Roles.Viewer);
        read.MapGet("/term", async (TermStore terms, CancellationToken cancel) => Results.Ok(await terms.ListAsync(cancel)));
        read.MapGet("/reports", async (FailoverRuns runs, CancellationToken cancel) => Results.Ok((await runs.ListAsync(100, cancel)).Select(PromotionView.Of)));
        read.MapGet("/reports/{id:guid}", async (Guid id, FailoverRuns runs, CancellationToken cancel) =>
            await runs.GetAsync(id, cancel) is { } run ? Results.Ok(PromotionView.Of(run)) : Problems.NotFound($"promotion {id}"));
        read.MapGet("/divergent", async (DivergentTags tags, bool? all, CancellationToken cancel) =>
            Results.Ok(await tags.ListAsync(all != true, ("", "", ""), Most, cancel)));
        routes.MapPost("/api/v1/divergent", DecideAsync).RequireAuthorization(Roles.Operator).AddEndpointFilter<SameOriginFilter>();
        routes.MapRoleChangeApi();
    }

    private static async Task<IResult> DecideAsync(DivergentCall call, DivergentTags tags, SiteStore sites, HttpContext http, CancellationToken cancel)
    {
        if (call.Decision is not (DivergentTags.Take or DivergentTags.Aside or DivergentTags.Drop))
            return Problems.Bad("decision is take, aside or drop");
        if ((call.Site ?? call.Repository ?? call.Tag) is null && !call.All)
            return Problems.Bad("say which: site, repository, tag, or all");
        return await sites.ReadAsync(cancel) is { IsPrimary: true }
            ? Results.Ok(new { count = await tags.DecideAsync(call.Site, call.Repository, call.Tag, call.Decision, Who(http), cancel) })
            : Problems.Conflict("This site is no primary", "What only one site has is decided about at the primary.");
    }

    private static string Who(HttpContext http) => http.User.Identity?.Name ?? "api";
}
