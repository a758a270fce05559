using System.Security.Cryptography;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.EventLog;

/// <summary>
/// Writes the log. Sequences hand out ids before commits, so a reader that trusts ids would skip a late commit; the
/// advisory lock, taken as a statement of its own before the insert has its snapshot, makes commit order id order.
/// </summary>
public sealed class LogAppender(NpgsqlDataSource source)
{
    /// <summary>The channel on which readers are told that there is more to read.</summary>
    public const string Channel = "geo_log";

    /// <summary>Whoever writes events holds this lock until the commit.</summary>
    internal const string TakeLock = "select pg_advisory_xact_lock(7307771)";

    /// <summary>Creates the log's identity if this database has none, and refreshes its beat.</summary>
    public async Task EnsureLogAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand(
            "insert into log (id) values (gen_random_uuid()) on conflict (only_row) do update set beat_at = clock_timestamp()");
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>
    /// Appends in one batch and one commit; everything is sent in one message, so that a node frozen in the middle cannot
    /// hold the lock. An event whose source id is already there is skipped.
    /// </summary>
    /// <exception cref="NpgsqlException">The log could not be written; nothing was kept.</exception>
    public async Task AppendAsync(IReadOnlyList<NewEvent> events, IReadOnlyList<QuarantinedBody> quarantined, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var batch = new NpgsqlBatch(connection);
        if (events.Count > 0)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand(TakeLock));
            batch.BatchCommands.Add(Insert(events));
            batch.BatchCommands.Add(new NpgsqlBatchCommand($"notify {Channel}"));
        }
        foreach (var body in quarantined)
            batch.BatchCommands.Add(Quarantine(body));
        if (batch.BatchCommands.Count > 0)
            await batch.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>
    /// Appends what a reconcile found, unless the log tells of the same tag after <paramref name="seen"/>: then it knows better.
    /// </summary>
    public async Task AppendFoundAsync(IReadOnlyList<NewEvent> events, long seen, CancellationToken cancel)
    {
        var insert = Insert(events);
        insert.CommandText = """
            insert into event (key, kind, repository, tag, digest, media_type, size, bytes, source_event_id, instance_id, actor, occurred_at, origin)
            select f.*, 'reconcile' from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
                as f(key, kind, repository, tag, digest, media_type, size, bytes, source_event_id, instance_id, actor, occurred_at)
            where not exists (select from event e where e.id > $13 and e.repository = f.repository and e.tag = f.tag)
            """;
        insert.Parameters.Add(new() { Value = seen });
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands = { new(TakeLock), insert, new($"notify {Channel}") },
        };
        await batch.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Appends and takes it back: whether the log could be written. Nothing is kept, and nobody is told.</summary>
    /// <exception cref="NpgsqlException">It could not.</exception>
    public async Task RehearseAsync(IReadOnlyList<NewEvent> events, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using var batch = new NpgsqlBatch(connection) { BatchCommands = { new(TakeLock), Insert(events) } };
        if (await batch.ExecuteNonQueryAsync(cancel) < events.Count)
            throw new NpgsqlException("an event was left out, although its id is new");
        await transaction.RollbackAsync(cancel);
    }

    private static NpgsqlBatchCommand Insert(IReadOnlyList<NewEvent> events)
    {
        var keys = new long[events.Count];
        RandomNumberGenerator.Fill(System.Runtime.InteropServices.MemoryMarshal.AsBytes(keys.AsSpan()));
        return new NpgsqlBatchCommand("""
            insert into event (key, kind, repository, tag, digest, media_type, size, bytes, source_event_id, instance_id, actor, occurred_at)
            select * from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            on conflict (source_event_id) do nothing
            """)
        {
            Parameters =
            {
                Array(keys, NpgsqlDbType.Bigint),
                Array(events.Select(e => e.Kind), NpgsqlDbType.Text),
                Array(events.Select(e => e.Repository), NpgsqlDbType.Text),
                Array(events.Select(e => e.Tag), NpgsqlDbType.Text),
                Array(events.Select(e => e.Digest), NpgsqlDbType.Text),
                Array(events.Select(e => e.MediaType), NpgsqlDbType.Text),
                Array(events.Select(e => e.Size), NpgsqlDbType.Bigint),
                Array(events.Select(e => e.Bytes), NpgsqlDbType.Bigint),
                Array(events.Select(e => e.SourceEventId), NpgsqlDbType.Text),
                Array(events.Select(e => e.InstanceId), NpgsqlDbType.Text),
                Array(events.Select(e => e.Actor), NpgsqlDbType.Text),
                Array(events.Select(e => e.OccurredAt?.ToUniversalTime()), NpgsqlDbType.TimestampTz),
            },
        };
    }

    private static NpgsqlParameter Array<T>(IEnumerable<T> values, NpgsqlDbType type) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | type };

    // A sender repeats what it was not answered for in time: the same body is one row, counted.
    private static NpgsqlBatchCommand Quarantine(QuarantinedBody body) =>
        new("""
            insert into quarantine (body_hash, body, truncated, problems, sender, format) values ($1, $2, $3, $4, $5, $6)
            on conflict (body_hash) do update set times = quarantine.times + 1, last_at = clock_timestamp()
            """)
        {
            Parameters =
            {
                new() { Value = HashOf(body) },
                new() { Value = body.Body.ToArray() },
                new() { Value = body.Truncated },
                new() { Value = body.Problems.ToArray() },
                new() { Value = (object?)body.Sender ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
                new() { Value = body.Format },
            },
        };

    // The same body on another sender's path is another notification: each is read by a parser of its own.
    private static string HashOf(QuarantinedBody body)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(body.Body.Span));
        return body.Format == "distribution" ? hash : $"{body.Format}:{hash}";
    }
}
