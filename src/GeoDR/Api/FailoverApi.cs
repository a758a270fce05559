using GeoDR.Configuration;
using GeoDR.Failover;
using GeoDR.Sites;
using GeoDR.Status;
using Npgsql;

namespace GeoDR.Api;

/// <summary>What a promotion is asked with.</summary>
/// <param name="Name">This site's name, so that nobody promotes the wrong one by a slip.</param>
/// <param name="Unplanned">Without asking a primary that answers.</param>
internal sealed record PromoteCall(string? Name, bool Unplanned);

/// <summary>A decision about divergent tags; what is not named matches all.</summary>
internal sealed record DivergentCall(string? Site, string? Repository, string? Tag, string? Decision, bool All);

/// <summary>A promotion with its report.</summary>
internal sealed record PromotionView(Guid Id, bool Planned, string Status, string Step, string AskedBy, DateTimeOffset AskedAt, DateTimeOffset? EndedAt, Report Report);

/// <summary>Sites, terms, promotions, and what only one site has.</summary>
internal static class FailoverApi
{
    private const int Most = 1000;

    public static void MapFailoverApi(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/api/v1").RequireAuthorization(Roles.Viewer);
        read.MapGet("/sites", async (SiteBook book, CancellationToken cancel) => Results.Ok(await book.ListAsync(cancel)));
        read.MapGet("/term", async (TermStore terms, CancellationToken cancel) => Results.Ok(await terms.ListAsync(cancel)));
        read.MapGet("/reports", async (FailoverRuns runs, CancellationToken cancel) => Results.Ok((await runs.ListAsync(100, cancel)).Select(View)));
        read.MapGet("/divergent", async (DivergentTags tags, bool? all, CancellationToken cancel) =>
            Results.Ok(await tags.ListAsync(all != true, ("", "", ""), Most, cancel)));
        routes.MapPost("/api/v1/divergent", DecideAsync).RequireAuthorization(Roles.Operator).AddEndpointFilter<SameOriginFilter>();
        routes.MapPost("/api/v1/promote", PromoteAsync).RequireAuthorization(Roles.Admin).AddEndpointFilter<SameOriginFilter>();
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

    /// <summary>Records it; a node of this site carries it out, and the reports show how far it is.</summary>
    private static async Task<IResult> PromoteAsync(
        PromoteCall call, GeoSettings settings, SiteStore sites, FailoverRuns runs, NpgsqlDataSource source, IServiceProvider services, HttpContext http, CancellationToken cancel)
    {
        var site = (await sites.ReadAsync(cancel))!;
        if (call.Name != site.Name)
            return Problems.Bad($"name is this site's name, {site.Name}, to confirm that it is the one to be promoted");
        if (site.IsPrimary)
            return Problems.Conflict("Nothing to promote", $"{site.Name} is a primary already, in epoch {site.Epoch}.");
        if (site.Comparing is not null || !settings.Failover.MayPromote)
            return Problems.Conflict("This site cannot be promoted now", site.Comparing is null
                ? "Geo:Failover:MayPromote is false." : "It still compares what it holds with the primary that it began to follow.");
        if (services.GetService<FailoverPeers>() is not { } peers)
            return Problems.Conflict("This site has no key", "Set Geo:Site:KeyFile; make one with `geodr key new`.");
        var from = site.Follows ?? settings.PrimaryPeer?.Name;
        var planned = !call.Unplanned && from is not null && await peers.AskAsync(from, cancel) is { Role: Site.Primary };
        var loss = new LossReader(source);
        var report = new Report(site.Name, from, planned, Who(http), await loss.SummaryAsync(cancel), (await loss.PageAsync(null, Report.MostLost, cancel))!.Items, []);
        var run = await runs.BeginAsync(Guid.NewGuid(), Promotion.Kind, planned, Promotion.FirstStep(planned), report.ToJson(), Who(http), null, TimeSpan.Zero, cancel);
        return run is null ? Problems.Conflict("A promotion runs already", "`/api/v1/reports` shows how far it is.") : Results.Accepted("/api/v1/reports", View(run));
    }

    private static PromotionView View(FailoverRun run) =>
        new(run.Id, run.Planned, run.Status, run.Step, run.AskedBy, run.AskedAt, run.EndedAt, Report.Parse(run.Report));

    private static string Who(HttpContext http) => http.User.Identity?.Name ?? "api";
}
