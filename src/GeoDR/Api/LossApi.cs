using GeoDR.Sites;
using GeoDR.Status;

namespace GeoDR.Api;

/// <summary>What would be lost now, over HTTP.</summary>
internal static class LossApi
{
    public static void MapLossApi(this IEndpointRouteBuilder routes) =>
        routes.MapGroup("/api/v1").RequireAuthorization(Roles.Viewer).MapGet("/loss", GetAsync);

    private static async Task<IResult> GetAsync(LossReader loss, string? after, int? limit, CancellationToken cancel)
    {
        if (Problems.BadLimit(limit) is { } bad)
            return bad;
        return await loss.PageAsync(after, limit ?? 100, cancel) is { } page
            ? Results.Ok(new { summary = await loss.SummaryAsync(cancel), page.Items, page.Next })
            : Problems.Bad("after is the next of the page before");
    }
}
