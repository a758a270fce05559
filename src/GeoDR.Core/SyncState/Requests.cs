using GeoDR.Audit;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.SyncState;

/// <summary>Work asked for on many rows: recorded, applied in small batches from a durable position, shown, and stopped on demand.</summary>
/// <param name="Kind">"backfill" (by the tailer), "resync" or "reverify" (by a person).</param>
/// <param name="Scope">"all" reads the primary's catalog again (a check: takes all rows); "filter" takes the rows that match.</param>
public sealed record Request(
    long Id, string Kind, string Scope, RepositoryState? State, string? Search, string Position, long Marked,
    string Status, string Reason, string? Problem, string CreatedBy, DateTimeOffset CreatedAt, DateTimeOffset? FinishedAt)
{
    /// <summary>What else was asked for, as in a list's filter.</summary>
    public VerificationState? Verification { get; init; }

    public string? Cause { get; init; }

    public bool? Paused { get; init; }

    internal RowFilter Filter => new(State, Search, Verification, Cause, Paused);

    /// <summary>A check reads every byte.</summary>
    public bool Deep { get; init; }

    /// <summary>Marked rows that a running request for checks still waits for; null for other requests.</summary>
    public long? Left { get; init; }
}

/// <summary>The requests and their progress: asked for, shown and stopped here, applied in the other file.</summary>
public sealed partial class Requests(NpgsqlDataSource source)
{
    /// <summary>The channel that wakes whoever applies them.</summary>
    public const string Channel = "geo_request";

    /// <summary>The kind of a request for checks.</summary>
    public const string Reverify = "reverify";

    /// <summary>The position of a request for checks that only waits for them.</summary>
    public const string AllMarked = "marked";

    private const string Columns = """
        id, kind, scope, state_filter, search, position, marked, status, reason, problem, created_by, created_at, finished_at, deep,
        case when kind = 'reverify' and status = 'running' then (select count(*) from verification v where v.asked_at = request.created_at) end,
        verification_filter, cause_filter, paused_filter
        """;

    /// <summary>Records a backfill in the caller's transaction; one that still runs begins again.</summary>
    public static async Task BackfillAsync(NpgsqlConnection connection, string reason, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("""
            with stopped as (update request set status = 'stopped', finished_at = clock_timestamp() where kind = 'backfill' and status = 'running'),
            added as (insert into request (kind, scope, reason, created_by) values ('backfill', 'all', $1, 'geodr'))
            select pg_notify('geo_request', '')
            """, connection)
        { Parameters = { new() { Value = reason } } };
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>
    /// At a start with another selection than the last: what is followed no longer leaves the tracking (the registry keeps it), and
    /// what is new is found by a backfill.
    /// </summary>
    /// <returns>How many repositories are no longer followed; null where nothing changed.</returns>
    public async Task<int?> SelectAsync(string fingerprint, Func<string, bool> takes, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using var read = new NpgsqlCommand("select selection from site for update", connection);
        var before = await read.ExecuteScalarAsync(cancel) as string;
        if (before == fingerprint)
            return null;
        var gone = new List<long>();
        await using (var names = new NpgsqlCommand("select id, name from repository", connection))
        await using (var row = await names.ExecuteReaderAsync(cancel))
            while (await row.ReadAsync(cancel))
                if (!takes(row.GetString(1)))
                    gone.Add(row.GetInt64(0));
        await using var forget = new NpgsqlCommand("delete from repository where id = any ($1)", connection) { Parameters = { new() { Value = gone.ToArray() } } };
        await forget.ExecuteNonQueryAsync(cancel);
        await using var keep = new NpgsqlCommand("update site set selection = $1", connection) { Parameters = { new() { Value = fingerprint } } };
        await keep.ExecuteNonQueryAsync(cancel);
        // At the very first start the tailer asks for the backfill itself, a moment before or after this.
        await using var begun = new NpgsqlCommand("""
            select exists (select from cursor) and not ($1 and exists (select from request where kind = 'backfill' and status = 'running'))
            """, connection)
        { Parameters = { new() { Value = before is null } } };
        if ((bool)(await begun.ExecuteScalarAsync(cancel))!)
            await BackfillAsync(connection, "the selection changed", cancel);
        await transaction.CommitAsync(cancel);
        return gone.Count;
    }

    /// <summary>Records a resync of the rows that match; where all do, the primary's catalog is read again.</summary>
    public Task<long> ResyncAsync(RowFilter filter, string by, CancellationToken cancel) => RecordAsync("resync", filter, false, by, cancel);

    /// <summary>Records a check of the rows that match, before all other checks.</summary>
    /// <param name="deep">Every byte is read.</param>
    public Task<long> ReverifyAsync(RowFilter filter, bool deep, string by, CancellationToken cancel) => RecordAsync(Reverify, filter, deep, by, cancel);

    private async Task<long> RecordAsync(string kind, RowFilter filter, bool deep, string by, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            with added as (
                insert into request (kind, scope, state_filter, search, verification_filter, cause_filter, paused_filter, deep, created_by, reason)
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'asked for') returning id),
            kept as (
                insert into audit (who, what, detail, address)
                select $9, $1, format('request %s: %s%s', id, $10, case when $8 then ', reading every byte' else '' end), $11 from added)
            select id from added, pg_notify('geo_request', '')
            """);
        command.Parameters.Add(new() { Value = kind });
        command.Parameters.Add(new() { Value = filter.IsEmpty ? "all" : "filter" });
        command.Parameters.Add(Nullable((short?)filter.State, NpgsqlDbType.Smallint));
        command.Parameters.Add(Nullable(filter.Search, NpgsqlDbType.Text));
        command.Parameters.Add(Nullable((short?)filter.Verification, NpgsqlDbType.Smallint));
        command.Parameters.Add(Nullable(filter.Cause, NpgsqlDbType.Text));
        command.Parameters.Add(Nullable(filter.Paused, NpgsqlDbType.Boolean));
        command.Parameters.Add(new() { Value = deep });
        command.Parameters.Add(new() { Value = by });
        command.Parameters.Add(new() { Value = filter.ToString() });
        command.Parameters.Add(AuditOrigin.Parameter());
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    private static NpgsqlParameter Nullable(object? value, NpgsqlDbType type) => new() { Value = value ?? DBNull.Value, NpgsqlDbType = type };

    /// <summary>Marks one repository; false when there is none of that name.</summary>
    /// <param name="who">For the audit log.</param>
    public async Task<bool> ResyncOneAsync(string name, string who, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        var marked = await WantAsync(connection, $"select id from repository where name = $1 for update", [new() { Value = name }], cancel);
        if (marked.Count > 0)
            await AuditLog.WriteAsync(connection, who, "resync", name, null, null, cancel);
        await transaction.CommitAsync(cancel);
        return marked.Count > 0;
    }

    /// <summary>Holds the sync of one repository, or lets it go on. What has begun is finished; its events are taken in all the same.</summary>
    /// <param name="who">For the audit log.</param>
    /// <returns>False where there is no such repository.</returns>
    public async Task<bool> PauseOneAsync(string name, bool paused, string who, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using (var update = new NpgsqlCommand("update repository set paused = $2 where name = $1", connection))
        {
            update.Parameters.Add(new() { Value = name });
            update.Parameters.Add(new() { Value = paused });
            if (await update.ExecuteNonQueryAsync(cancel) == 0)
                return false;
        }
        await AuditLog.WriteAsync(connection, who, paused ? AuditWords.Paused : AuditWords.Resumed, name, null, null, cancel);
        await using (var tell = new NpgsqlCommand($"notify {Marking.Channel}", connection))
            await tell.ExecuteNonQueryAsync(cancel);
        await transaction.CommitAsync(cancel);
        return true;
    }

    /// <summary>Marks every repository that has a failure of this cause, in small batches; answers how many.</summary>
    /// <param name="who">For the audit log.</param>
    public async Task<int> ResyncCauseAsync(string cause, string who, CancellationToken cancel)
    {
        var (total, after) = (0, 0L);
        while (true)
        {
            await using var connection = await source.OpenConnectionAsync(cancel);
            await using var transaction = await connection.BeginTransactionAsync(cancel);
            var marked = await WantAsync(connection, """
                select id from repository where id > $1 and exists (select from failure f where f.repository_id = repository.id and f.cause = $2)
                order by id limit 200 for update
                """, [new() { Value = after }, new() { Value = cause }], cancel);
            await transaction.CommitAsync(cancel);
            if (marked.Count == 0)
            {
                await RetriedAsync(cause, total, who, cancel);
                return total;
            }
            (total, after) = (total + marked.Count, marked.Max());
        }
    }

    private async Task RetriedAsync(string cause, int marked, string who, CancellationToken cancel)
    {
        if (marked == 0)
            return;
        await using var command = source.CreateCommand("insert into audit (who, what, detail, address) values ($1, $2, $3, $4)");
        command.Parameters.Add(new() { Value = who });
        command.Parameters.Add(new() { Value = AuditWords.Retried });
        command.Parameters.Add(new() { Value = $"{marked} repositories that failed with: {cause}" });
        command.Parameters.Add(AuditOrigin.Parameter());
        await command.ExecuteNonQueryAsync(cancel);
    }

    public async Task<IReadOnlyList<Request>> ListAsync(bool running, int limit, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select {Columns} from request where not $1 or status = 'running' order by id desc limit $2");
        command.Parameters.Add(new() { Value = running });
        command.Parameters.Add(new() { Value = limit });
        var requests = new List<Request>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            requests.Add(Read(reader));
        return requests;
    }

    /// <summary>Null where there is none of this id.</summary>
    public async Task<Request?> GetAsync(long id, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select {Columns} from request where id = $1");
        command.Parameters.Add(new() { Value = id });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel) ? Read(reader) : null;
    }

    /// <summary>Ends a running request; false where there is none. What is marked for sync stays marked; checks that have not begun are called off.</summary>
    /// <param name="who">For the audit log.</param>
    public async Task<bool> StopAsync(long id, string who, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            with stopped as (update request set status = 'stopped', finished_at = clock_timestamp() where id = $1 and status = 'running' returning kind),
            kept as (insert into audit (who, what, detail, address) select $2, 'stopped', format('request %s: %s', $1, kind), $3 from stopped)
            select kind from stopped
            """);
        command.Parameters.Add(new() { Value = id });
        command.Parameters.Add(new() { Value = who });
        command.Parameters.Add(AuditOrigin.Parameter());
        if (await command.ExecuteScalarAsync(cancel) is not string kind)
            return false;
        while (kind == Reverify && await CallOffAsync(id, cancel) > 0)
        {
        }
        return true;
    }

    // What was synced since its last check, is being healed, or was never looked at waits on, as a check of its own accord.
    private async Task<int> CallOffAsync(long id, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            with asked as (
                select v.repository_id as id, v.state = 0 and not v.healing and coalesce(v.checked_from > r.last_synced_at, false) as idle
                from verification v join repository r on r.id = v.repository_id
                where v.asked_at = (select created_at from request where id = $1) order by v.repository_id limit 1000 for update of v)
            update verification v set asked_at = null, wish = case when asked.idle then 0 else least(v.wish, 1) end,
                state = case when not asked.idle then v.state when v.failure is null then 2 else 3 end
            from asked where v.repository_id = asked.id
            """);
        command.Parameters.Add(new() { Value = id });
        return await command.ExecuteNonQueryAsync(cancel);
    }

    private static Request Read(NpgsqlDataReader row) => new(
        row.GetInt64(0), row.GetString(1), row.GetString(2), row.IsDBNull(3) ? null : (RepositoryState)row.GetInt16(3),
        row.IsDBNull(4) ? null : row.GetString(4), row.GetString(5), row.GetInt64(6), row.GetString(7), row.GetString(8),
        row.IsDBNull(9) ? null : row.GetString(9), row.GetString(10), row.GetFieldValue<DateTimeOffset>(11),
        row.IsDBNull(12) ? null : row.GetFieldValue<DateTimeOffset>(12))
    {
        Deep = row.GetBoolean(13), Left = row.IsDBNull(14) ? null : row.GetInt64(14),
        Verification = row.IsDBNull(15) ? null : (VerificationState)row.GetInt16(15), Cause = row.IsDBNull(16) ? null : row.GetString(16),
        Paused = row.IsDBNull(17) ? null : row.GetBoolean(17),
    };
}
