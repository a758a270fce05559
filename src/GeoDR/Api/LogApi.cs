using GeoDR.EventLog;
using GeoDR.Hosting;
using GeoDR.Sites;
using Npgsql;

namespace GeoDR.Api;

/// <summary>This site's log for other sites: pages of it, on request after a wait for news.</summary>
internal static class LogApi
{
    private const int DefaultLimit = 500;
    private const long MaxBefore = 315_360_000;

    public static void MapLog(this IEndpointRouteBuilder routes) => routes.MapGet(LogAnswer.Path, LogAsync).AllowAnonymous()
        .WithSummary("This site's event log, for another site")
        .WithDescription($"""
            Signed by the calling site. `after=ID` answers the log's state and its events from ID on, in order: the event ID itself comes first, so that the reader sees
            that it still stands there with the key it had; 0 is the beginning. `limit` is 1 to {LogAnswer.MaxLimit} events. With `wait=SECONDS` (0 to {LogAnswer.MaxWaitSeconds})
            the answer comes when there is something after ID, or ID is gone, or the time has passed. `before=SECONDS`, alone, answers the position of the newest event that is
            older; 0 is the newest of all. `log` is null where this site has no log yet. A reader stops at a `version` it does not know.
            """);

    private static async Task<IResult> LogAsync(
        HttpContext http, SiteCallGuard guard, OwnLog own, LogNews news, IHostApplicationLifetime life, TimeProvider time,
        long? after, int? limit, int? wait, long? before)
    {
        var (caller, _, refusal) = await guard.AuthenticateAsync(http);
        if (caller is null)
            return refusal!;
        if (FaultOf(after, limit, wait, before) is { } fault)
            return Results.Problem(statusCode: 400, title: "The call cannot be understood", detail: fault);
        try
        {
            return Results.Ok(before is { } seconds
                ? LogAnswer.Of(seconds == 0
                    ? await own.Reader.HeadAsync(http.RequestAborted)
                    : await own.Reader.PositionBeforeAsync(TimeSpan.FromSeconds(seconds), http.RequestAborted))
                : await PollAsync(own.Reader, news, time, after ?? 0, limit ?? DefaultLimit, TimeSpan.FromSeconds(wait ?? 0), life.ApplicationStopping, http.RequestAborted));
        }
        catch (UnknownLogVersionException e)
        {
            return Results.Ok(LogAnswer.Unknown(e.Version));
        }
        // The reader asks again by itself; its operator is told by the secondary, and this site's by its own loops.
        catch (NpgsqlException)
        {
            return Results.Problem(statusCode: 503, title: "The log cannot be read now", detail: "This site's database does not answer.");
        }
    }

    private static string? FaultOf(long? after, int? limit, int? wait, long? before) =>
        before is not null && (after is not null || limit is not null || wait is not null) ? "before stands alone"
        : before is < 0 or > MaxBefore ? $"before is from 0 to {MaxBefore} seconds"
        : after < 0 ? "after is an event's id, or 0 for the beginning"
        : limit is < 1 or > LogAnswer.MaxLimit ? $"limit is from 1 to {LogAnswer.MaxLimit}"
        : wait is < 0 or > LogAnswer.MaxWaitSeconds ? $"wait is from 0 to {LogAnswer.MaxWaitSeconds} seconds"
        : null;

    /// <summary>Waits hold no connection: they share one LISTEN, and read again at each word of it.</summary>
    private static async Task<LogAnswer> PollAsync(
        LogReader log, LogNews news, TimeProvider time, long after, int limit, TimeSpan wait, CancellationToken stopping, CancellationToken gone)
    {
        var begun = time.GetTimestamp();
        using var passed = new CancellationTokenSource(wait, time);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(passed.Token, stopping, gone);
        while (true)
        {
            // Before the reading: what is written during it is news for the next.
            var word = news.Next;
            var waited = time.GetElapsedTime(begun);
            var page = await log.ReadAsync(after, limit, TimeSpan.Zero, gone);
            if (page is null || !StandsAt(page, after) || waited >= wait || end.IsCancellationRequested)
                return LogAnswer.Of(page, waited);
            await word.WaitAsync(end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static bool StandsAt(LogPage page, long after) =>
        after == 0 ? page.Events.Count == 0 : page.Events.Count == 1 && page.Events[0].Id == after;
}
