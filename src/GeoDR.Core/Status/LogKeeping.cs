using System.Globalization;
using Npgsql;

namespace GeoDR.Status;

/// <summary>A site that reads this log, and what the pruning does for it.</summary>
/// <param name="HoldsSince">Since when it keeps events that would have gone by age; null where it keeps none.</param>
/// <param name="LetGoAt">Since when the log is not kept for it any more; null where it is.</param>
/// <param name="Pruned">The event that it stands at is gone.</param>
public sealed record LogReaderStatus(
    string Name, long EventId, DateTimeOffset LastHeardAt, DateTimeOffset? HoldsSince, DateTimeOffset? LetGoAt, bool Pruned)
{
    /// <summary>What an operator should know of it; null where it simply follows.</summary>
    public string? Words => (Pruned, LetGoAt, HoldsSince) switch
    {
        (true, _, _) => $"{Name} has lost its place in the log, which is pruned beyond it{(LetGoAt is { } at ? $" and not kept for it since {Utc(at)}" : "")}: when it returns it compares everything",
        (_, { } at, _) => $"the log is not kept for {Name} any more since {Utc(at)} (last heard {Utc(LastHeardAt)}): once its place is pruned, it compares everything when it returns",
        (_, _, { } since) => $"{Name} holds back the log's pruning since {Utc(since)} (last heard {Utc(LastHeardAt)})",
        _ => null,
    };

    private static string Utc(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm'Z'", CultureInfo.InvariantCulture);
}

/// <summary>(primary) How much of the log is kept, and for whom.</summary>
/// <param name="Events">About; PostgreSQL's own count.</param>
/// <param name="Bytes">On disk, indexes included.</param>
/// <param name="OldestAt">Receipt of the oldest event kept.</param>
public sealed record LogKeeping(long Events, long Bytes, DateTimeOffset? OldestAt, IReadOnlyList<LogReaderStatus> Readers)
{
    /// <summary>Cheap however long the log is.</summary>
    public static async Task<LogKeeping> ReadAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new("""
                    select greatest(0, pg_stat_get_live_tuples('event'::regclass)), pg_total_relation_size('event'),
                        (select received_at from event where id >= (select coalesce(max(floor), 0) from log) order by id limit 1)
                    """),
                // One that was heard after it was let go is waited for again, if its place is still there.
                new("""
                    select p.name, p.event_id, p.last_heard_at, p.holds_since,
                        case when p.event_id < l.floor or p.last_heard_at <= p.let_go_at then p.let_go_at end, p.event_id < l.floor
                    from peer p join log l on l.id = p.log_id where p.event_id is not null order by p.name
                    """),
            },
        };
        await using var row = await batch.ExecuteReaderAsync(cancel);
        await row.ReadAsync(cancel);
        var (events, bytes, oldest) = (row.GetInt64(0), row.GetInt64(1), Time(2));
        await row.NextResultAsync(cancel);
        var readers = new List<LogReaderStatus>();
        while (await row.ReadAsync(cancel))
            readers.Add(new(row.GetString(0), row.GetInt64(1), row.GetFieldValue<DateTimeOffset>(2), Time(3), Time(4), row.GetBoolean(5)));
        return new(events, bytes, oldest, readers);

        DateTimeOffset? Time(int column) => row.IsDBNull(column) ? null : row.GetFieldValue<DateTimeOffset>(column);
    }
}
