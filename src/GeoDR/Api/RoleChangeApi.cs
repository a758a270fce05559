using GeoDR.Failover;
using GeoDR.Sites;

namespace GeoDR.Api;

/// <summary>What a promotion is asked with.</summary>
/// <param name="Name">This site's name, so that nobody promotes the wrong one by a slip.</param>
/// <param name="Planned">Only handed over: refused where the primary does not answer.</param>
/// <param name="Unplanned">Without asking a primary that answers.</param>
internal sealed record PromoteCall(string? Name, bool Planned, bool Unplanned);

/// <summary>What a demotion is asked with.</summary>
/// <param name="Name">This site's name.</param>
internal sealed record DemoteCall(string? Name);

/// <summary>Which of two promotions stays.</summary>
/// <param name="Choose">The site that stays the primary.</param>
/// <param name="Name">This site's name.</param>
internal sealed record TermCall(string? Choose, string? Name);

/// <summary>Which site's key counts no more.</summary>
internal sealed record RevokeCall(string? Site);

/// <summary>Which site is forgotten.</summary>
/// <param name="Name">This site's name.</param>
internal sealed record RemoveCall(string? Site, string? Name);

/// <summary>Which site is invited.</summary>
/// <param name="MayPromote">It may become the primary.</param>
internal sealed record InviteCall(string? Site, bool MayPromote);

/// <summary>An invitation: not shown again.</summary>
/// <param name="Command">What is run at the new site.</param>
internal sealed record InviteAnswer(string Site, string Invitation, DateTimeOffset Until, string Command, string Next);

/// <summary>Whether clients may write to this site's registry.</summary>
/// <param name="Name">This site's name.</param>
internal sealed record FenceWish(string? Name);

/// <summary>What changes who is the primary, and who takes part: for administrators. A GET says what would be done, and does nothing.</summary>
internal static class RoleChangeApi
{
    private const string Both = "planned and unplanned exclude each other";

    public static void MapRoleChangeApi(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/api/v1").RequireAuthorization(Roles.Viewer);
        read.MapGet("/promote", async (PromotionStart start, bool? planned, bool? unplanned, CancellationToken cancel) =>
            planned == true && unplanned == true ? Problems.Bad(Both) : Results.Ok(await start.PlanAsync(Manner(planned == true, unplanned == true), cancel)));
        read.MapGet("/demote", async (DemotionStart start, CancellationToken cancel) => Results.Ok(await start.PlanAsync(cancel)));
        var act = routes.MapGroup("/api/v1").RequireAuthorization(Roles.Admin).AddEndpointFilter<SameOriginFilter>();
        act.MapPost("/promote", PromoteAsync);
        act.MapPost("/demote", DemoteAsync);
        act.MapPost("/term", ChooseAsync);
        act.MapPost("/sites/revoke", RevokeAsync);
        act.MapPost("/sites/remove", RemoveAsync);
        act.MapPost("/sites/invite", InviteAsync);
        act.MapPost("/fence", (FenceWish call, ClientFence fence, SiteStore sites, HttpContext http, CancellationToken cancel) => FenceAsync(true, call, fence, sites, http, cancel));
        act.MapPost("/unfence", (FenceWish call, ClientFence fence, SiteStore sites, HttpContext http, CancellationToken cancel) => FenceAsync(false, call, fence, sites, http, cancel));
    }

    private static bool? Manner(bool planned, bool unplanned) => planned ? true : unplanned ? false : null;

    /// <summary>Records it; a node of this site carries it out, and the reports show how far it is.</summary>
    private static Task<IResult> PromoteAsync(PromoteCall call, PromotionStart start, SiteStore sites, HttpContext http, CancellationToken cancel) =>
        call is { Planned: true, Unplanned: true } ? Task.FromResult(Problems.Bad(Both))
        : ConfirmedAsync(call.Name, sites, "This site cannot be promoted now", async () =>
        {
            var run = await start.BeginAsync(await start.PlanAsync(Manner(call.Planned, call.Unplanned), cancel), Who(http), null, cancel);
            return Results.Accepted($"/api/v1/reports/{run.Id}", PromotionView.Of(run));
        }, cancel);

    private static Task<IResult> DemoteAsync(DemoteCall call, DemotionStart start, SiteStore sites, HttpContext http, CancellationToken cancel) =>
        ConfirmedAsync(call.Name, sites, "This site cannot be demoted now", async () =>
        {
            var plan = await start.PlanAsync(cancel);
            await start.DemoteAsync(plan, Who(http), cancel);
            return Results.Ok(new { plan.Site, Primary = plan.To, plan.Epoch });
        }, cancel);

    private static Task<IResult> ChooseAsync(TermCall call, TermChoice choice, SiteStore sites, HttpContext http, CancellationToken cancel) =>
        call.Choose is not { Length: > 0 } chosen ? Task.FromResult(Problems.Bad("choose is the site that stays the primary"))
        : ConfirmedAsync(call.Name, sites, "There is nothing to choose", async () =>
            Results.Ok(new { Next = await choice.ChooseAsync(await choice.PlanAsync(chosen, cancel), Who(http), cancel) }), cancel);

    private static async Task<IResult> RevokeAsync(RevokeCall call, Revocation revocation, HttpContext http, CancellationToken cancel)
    {
        if (call.Site is not { Length: > 0 } site || site.Contains('\0', StringComparison.Ordinal))
            return Problems.Bad("site is the name of the site to revoke");
        try
        {
            return await revocation.RevokeAsync(site, Who(http), cancel) ? Results.Ok(new { Revoked = site }) : Problems.NotFound($"site {site} here");
        }
        catch (RoleChangedException e)
        {
            return Problems.Conflict("A site does not revoke itself", e.Message);
        }
    }

    private static Task<IResult> RemoveAsync(RemoveCall call, SiteRemoval removal, SiteStore sites, HttpContext http, CancellationToken cancel) =>
        call.Site is not { Length: > 0 } site || site.Contains('\0', StringComparison.Ordinal) ? Task.FromResult(Problems.Bad("site is the name of the site to remove"))
        : ConfirmedAsync(call.Name, sites, "This site cannot be removed", async () =>
        {
            await removal.RemoveAsync(await removal.PlanAsync(site, cancel), Who(http), cancel);
            return Results.Ok(new { Removed = site });
        }, cancel);

    private static async Task<IResult> InviteAsync(InviteCall call, InvitationStart start, HttpContext http, CancellationToken cancel)
    {
        if (start.NameFault(call.Site) is { } fault)
            return Problems.Bad(fault);
        try
        {
            var made = await start.MakeAsync(call.Site!, call.MayPromote, Who(http), cancel);
            return Results.Ok(new InviteAnswer(call.Site!, made.Line, made.Until, made.Command, made.Words));
        }
        catch (RoleChangedException e)
        {
            return Problems.Conflict("This site invites nobody now", e.Message);
        }
    }

    private static Task<IResult> FenceAsync(bool fence, FenceWish call, ClientFence clients, SiteStore sites, HttpContext http, CancellationToken cancel) =>
        ConfirmedAsync(call.Name, sites, "That could not be done", async () => Results.Ok(new { Next = await clients.SetAsync(fence, Who(http), cancel) }), cancel);

    private static async Task<IResult> ConfirmedAsync(string? name, SiteStore sites, string refused, Func<Task<IResult>> act, CancellationToken cancel)
    {
        if ((await sites.ReadAsync(cancel))?.Name is var own && name != own)
            return Problems.Bad($"name is this site's name, {own}, to confirm that it is the one that is meant");
        try
        {
            return await act();
        }
        catch (RoleChangedException e)
        {
            return Problems.Conflict(refused, e.Message);
        }
    }

    private static string Who(HttpContext http) => http.User.Identity?.Name ?? "api";
}
