using GeoDR.Notifications;
using GeoDR.Sites;

namespace GeoDR.Api;

/// <summary>A notification in quarantine with its body: as text where it is UTF-8, else as base64.</summary>
internal sealed record QuarantinedDetail(QuarantinedNotification Notification, string? Text, byte[]? Base64);

/// <summary>Notifications that could not be understood, over HTTP.</summary>
internal static class QuarantineApi
{
    public static void MapQuarantineApi(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/api/v1/quarantine").RequireAuthorization(Roles.Viewer);
        read.MapGet("", ListAsync);
        read.MapGet("/{id:long}", GetAsync);
        var write = routes.MapGroup("/api/v1/quarantine").RequireAuthorization(Roles.Operator).AddEndpointFilter<SameOriginFilter>();
        write.MapPost("/{id:long}/replay", ReplayAsync);
        write.MapDelete("/{id:long}", async (long id, QuarantineStore quarantine, HttpContext http, CancellationToken cancel) =>
            await quarantine.DropAsync(id, Who(http), cancel) ? Results.NoContent() : Problems.NotFound($"notification {id} in quarantine"));
    }

    private static async Task<IResult> ListAsync(QuarantineStore quarantine, long? after, int? limit, CancellationToken cancel)
    {
        if (Problems.BadLimit(limit) is { } bad)
            return bad;
        var most = limit ?? 100;
        var rows = await quarantine.ListAsync(after ?? 0, most, cancel);
        return Results.Ok(new Page<QuarantinedNotification, long?>(rows, rows.Count == most ? rows[^1].Id : null));
    }

    private static async Task<IResult> GetAsync(long id, QuarantineStore quarantine, CancellationToken cancel)
    {
        if (await quarantine.FindAsync(id, cancel) is not var (row, body))
            return Problems.NotFound($"notification {id} in quarantine");
        var text = BodyText.Of(body);
        return Results.Ok(new QuarantinedDetail(row, text, text is null ? body : null));
    }

    private static string Who(HttpContext http) => http.User.Identity?.Name ?? "api";

    private static async Task<IResult> ReplayAsync(long id, QuarantineStore quarantine, HttpContext http, CancellationToken cancel)
    {
        var replay = await quarantine.ReplayAsync(id, Who(http), cancel);
        return replay.Outcome switch
        {
            ReplayOutcome.Unknown => Problems.NotFound($"notification {id} in quarantine"),
            ReplayOutcome.Truncated => Problems.Conflict("The notification cannot be replayed", "It was too long, so that only its head was kept: nobody knows what it said. Drop it."),
            ReplayOutcome.NotPrimary => Problems.Conflict("The notification cannot be replayed here", "Only a primary writes a log; replay it there."),
            _ => Results.Ok(new { removed = replay.Outcome == ReplayOutcome.Understood, replay.Appended, replay.Known, replay.Overtaken, replay.Ignored, replay.Problems }),
        };
    }
}
