using GeoDR.EventLog;
using GeoDR.Selection;
using GeoDR.SyncState;
using Npgsql;

namespace GeoDR.Tailing;

/// <summary>What one pass of the tailer found.</summary>
public enum TailOutcome
{
    /// <summary>Nothing new.</summary>
    UpToDate,
    /// <summary>A page was applied and there may be more.</summary>
    Advanced,
    /// <summary>The cursor was set: a first start, or a log that was rewound, replaced or pruned too far.</summary>
    Repositioned,
    /// <summary>The primary has no log yet.</summary>
    NoLog,
    /// <summary>Another node moved the cursor meanwhile; its work stands.</summary>
    Overtaken,
    /// <summary>The log holds what this program does not know; nothing is skipped.</summary>
    Stopped,
}

/// <summary>
/// Follows another site's log from a durable cursor: one pass reads a page, marks what changed and moves the cursor, in one
/// transaction of this site's own database. Any number of nodes may run it; the cursor's row decides between them.
/// </summary>
/// <param name="follows">The primary whose log this is, as the site's row names it: a site that follows another meanwhile begins nothing here.</param>
public sealed class Tailer(ILogReader log, NpgsqlDataSource tracking, SiteSelection selection, string? follows = null)
{
    private const int PageSize = 500;

    // Longer than a sender waits before it sends again.
    private static readonly TimeSpan s_told = TimeSpan.FromSeconds(5);

    /// <summary>A fresh secondary starts this far back, and backfills everything beside it.</summary>
    public static readonly TimeSpan StartBack = TimeSpan.FromMinutes(1);

    private static readonly HashSet<string> s_knownKinds = [EventKinds.Push, EventKinds.Delete, EventKinds.Term];

    public Task<TailOutcome> RunOnceAsync(CancellationToken cancel) => RunOnceAsync(TimeSpan.Zero, cancel);

    /// <param name="wait">How long the log may wait for news before it answers.</param>
    public async Task<TailOutcome> RunOnceAsync(TimeSpan wait, CancellationToken cancel)
    {
        if (await ReadCursorAsync(cancel) is not var (cursor, begun))
            return await StartAsync(cancel);
        LogPage? page;
        try
        {
            page = await log.ReadAsync(cursor.EventId, PageSize + 1, wait, cancel);
        }
        catch (UnknownLogVersionException e)
        {
            await WriteProblemAsync(e.Message, cancel);
            return TailOutcome.Stopped;
        }
        if (page is null)
            return TailOutcome.NoLog;
        if (BrokenBecause(cursor, page) is { } reason)
            return await RestartAsync(cursor, reason, cancel);
        var events = page.Events.Where(e => e.Id > cursor.EventId).ToList();
        var unknown = events.FindIndex(e => !s_knownKinds.Contains(e.Kind));
        var problem = unknown < 0 ? null
            : $"Event {events[unknown].Id} is of a kind this program does not know: '{events[unknown].Kind}'. Upgrade this site; nothing was skipped.";
        if (unknown >= 0)
            events.RemoveRange(unknown, events.Count - unknown);
        if (!await ApplyAsync(cursor, begun + page.Waited, page.Log, events, problem, UnderWay(page), cancel))
            return TailOutcome.Overtaken;
        return problem is not null ? TailOutcome.Stopped : events.Count > 0 ? TailOutcome.Advanced : TailOutcome.UpToDate;
    }

    /// <summary>Why a cursor says nothing about this log any more; null when it stands.</summary>
    internal static string? BrokenBecause(LogPosition cursor, LogPage page)
    {
        if (page.Log.LogId != cursor.LogId)
            return "the primary has another log";
        if (cursor.EventId < page.Log.Floor)
            return "the log was pruned beyond this site's position";
        if (cursor.EventId == 0)
            return null;
        if (page.Events.Count == 0 || page.Events[0].Id != cursor.EventId || page.Events[0].Key != cursor.EventKey)
            return "the primary's log was rewound or restored";
        return null;
    }

    /// <summary>
    /// Registries tell one event after another. If the newest came late and just now, those behind it are as late; a primary that was told
    /// nothing for a while has been told everything.
    /// </summary>
    internal static TimeSpan UnderWay(LogPage page) => page.Events.Count > 0 && page.Events[^1] is { Late: { } late } last && last.Age < s_told ? late : TimeSpan.Zero;

    private bool Followed(LoggedEvent e) => e.Kind != EventKinds.Term && selection.TakesEventsOf(e.Repository) && selection.TakesReference(e.Tag ?? e.Digest!);

    private async Task<TailOutcome> StartAsync(CancellationToken cancel)
    {
        if (await log.PositionBeforeAsync(StartBack, cancel) is not { } start)
            return TailOutcome.NoLog;
        await using var connection = await tracking.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using var insert = new NpgsqlCommand("""
            insert into cursor (log_id, event_id, event_key, head, beat_at) select $1, $2, $3, $2, clock_timestamp()
            where not exists (select from site where role <> 'secondary' or follows is distinct from $4)
            on conflict (only_row) do nothing
            """, connection)
        { Parameters = { new() { Value = start.LogId }, new() { Value = start.EventId }, new() { Value = start.EventKey },
                new() { Value = (object?)follows ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text } } };
        if (await insert.ExecuteNonQueryAsync(cancel) == 0)
            return TailOutcome.Overtaken;
        // A site that has just begun to follow this primary compares instead.
        await using var comparing = new NpgsqlCommand("select exists (select from site where comparing is not null)", connection);
        if (!(bool)(await comparing.ExecuteScalarAsync(cancel))!)
            await Requests.BackfillAsync(connection, "first start", cancel);
        await transaction.CommitAsync(cancel);
        return TailOutcome.Repositioned;
    }

    // The new head first, then everything is compared: what came before the head is found by the backfill.
    private async Task<TailOutcome> RestartAsync(LogPosition cursor, string reason, CancellationToken cancel)
    {
        if (await log.HeadAsync(cancel) is not { } head)
            return TailOutcome.NoLog;
        await using var connection = await tracking.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (await LockCursorAsync(connection, cancel) != cursor)
            return TailOutcome.Overtaken;
        await using var update = new NpgsqlCommand(
            "update cursor set log_id = $1, event_id = $2, event_key = $3, head = $2, read_at = clock_timestamp(), problem = null", connection)
        { Parameters = { new() { Value = head.LogId }, new() { Value = head.EventId }, new() { Value = head.EventKey } } };
        await update.ExecuteNonQueryAsync(cancel);
        // Waiting references carry ids of the old log, which a newer event of the new one must not lose against.
        await using var reset = new NpgsqlCommand("update waiting_reference set event_id = 0 where event_id <> 0", connection);
        await reset.ExecuteNonQueryAsync(cancel);
        await Requests.BackfillAsync(connection, reason, cancel);
        await transaction.CommitAsync(cancel);
        return TailOutcome.Repositioned;
    }

    private async Task<bool> ApplyAsync(LogPosition cursor, DateTime begun, LogState state, List<LoggedEvent> events, string? problem, TimeSpan underWay, CancellationToken cancel)
    {
        await using var connection = await tracking.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (await LockCursorAsync(connection, cancel) != cursor)
            return false;
        await Marking.MarkAsync(connection, [.. events.Where(Followed)], selection.IsEventOnly, cancel);
        var (id, key) = events.Count > 0 ? (events[^1].Id, events[^1].Key) : (cursor.EventId, cursor.EventKey);
        await using var update = new NpgsqlCommand("""
            update cursor set event_id = $1, event_key = $2, head = $3, beat_age = $4, beat_at = clock_timestamp() - make_interval(secs => $4),
                lag_seconds = $5, read_at = $7, problem = $6, under_way = $8
            """, connection)
        {
            Parameters =
            {
                new() { Value = id }, new() { Value = key }, new() { Value = state.Head }, new() { Value = state.BeatAge.TotalSeconds },
                new() { Value = state.Head > id ? events.Select(e => e.Age.TotalSeconds).DefaultIfEmpty(0).First() : 0d },
                new() { Value = (object?)problem ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text },
                // What was written while the page travelled and was applied is not in it.
                new() { Value = begun },
                new() { Value = underWay.TotalSeconds },
            },
        };
        await update.ExecuteNonQueryAsync(cancel);
        await transaction.CommitAsync(cancel);
        return true;
    }

    private async Task<(LogPosition Cursor, DateTime Begun)?> ReadCursorAsync(CancellationToken cancel)
    {
        await using var connection = await tracking.OpenConnectionAsync(cancel);
        await using var command = new NpgsqlCommand("select log_id, event_id, event_key, clock_timestamp() from cursor", connection);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel) ? (Position(reader), reader.GetDateTime(3)) : null;
    }

    private static async Task<LogPosition?> LockCursorAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("select log_id, event_id, event_key from cursor for update", connection);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel) ? Position(reader) : null;
    }

    private static LogPosition Position(NpgsqlDataReader row) => new(row.GetGuid(0), row.GetInt64(1), row.GetInt64(2));

    private async Task WriteProblemAsync(string problem, CancellationToken cancel)
    {
        await using var command = tracking.CreateCommand("update cursor set problem = $1");
        command.Parameters.Add(new() { Value = problem });
        await command.ExecuteNonQueryAsync(cancel);
    }
}
