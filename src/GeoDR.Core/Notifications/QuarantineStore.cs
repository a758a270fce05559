using GeoDR.Audit;
using GeoDR.EventLog;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Notifications;

/// <summary>A notification that could not be understood, without its body.</summary>
/// <param name="Times">How often the same body came.</param>
/// <param name="Sender">The address it came from.</param>
/// <param name="Bytes">Of the body that was kept.</param>
/// <param name="Truncated">Only its head was kept.</param>
/// <param name="Format">Whose notification it is: distribution, harbor, zot or acr.</param>
public sealed record QuarantinedNotification(
    long Id, DateTimeOffset ReceivedAt, DateTimeOffset LastAt, int Times, string? Sender, IReadOnlyList<string> Problems, int Bytes, bool Truncated,
    string Format);

/// <summary>What became of a replay.</summary>
public enum ReplayOutcome
{
    /// <summary>All of it is understood now; it has left the quarantine.</summary>
    Understood,
    /// <summary>Some of it, or nothing, is understood; the rest stays.</summary>
    Stays,
    /// <summary>Only its head was kept, so nobody knows what it said.</summary>
    Truncated,
    /// <summary>There is no such notification (any more).</summary>
    Unknown,
    /// <summary>This site writes no log.</summary>
    NotPrimary,
}

/// <summary>A replay and what it did.</summary>
/// <param name="Appended">Events that are in the log now and were not before.</param>
/// <param name="Known">Events that the log had already.</param>
/// <param name="Overtaken">Events left out, because the log tells of a later one for the same tag: a late delete must not undo a push.</param>
/// <param name="Ignored">Understood, and of no use.</param>
/// <param name="Problems">What is still not understood.</param>
public sealed record Replay(ReplayOutcome Outcome, int Appended, int Known, int Overtaken, int Ignored, IReadOnlyList<string> Problems)
{
    internal static Replay Refused(ReplayOutcome why) => new(why, 0, 0, 0, 0, []);
}

/// <summary>The notifications that could not be understood: listed, shown, and read again by a newer program's parser.</summary>
public sealed class QuarantineStore(NpgsqlDataSource source)
{
    private const string Columns = "id, received_at, last_at, times, sender, problems, octet_length(body), truncated, format";

    /// <summary>A page in order of id, without the bodies.</summary>
    public async Task<IReadOnlyList<QuarantinedNotification>> ListAsync(long after, int limit, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select {Columns} from quarantine where id > $1 order by id limit $2");
        command.Parameters.Add(new() { Value = after });
        command.Parameters.Add(new() { Value = limit });
        var rows = new List<QuarantinedNotification>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            rows.Add(Read(row));
        return rows;
    }

    /// <summary>One with its body, as it came; null when there is none.</summary>
    public async Task<(QuarantinedNotification Row, byte[] Body)?> FindAsync(long id, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select {Columns}, body from quarantine where id = $1");
        command.Parameters.Add(new() { Value = id });
        await using var row = await command.ExecuteReaderAsync(cancel);
        return await row.ReadAsync(cancel) ? (Read(row), row.GetFieldValue<byte[]>(9)) : null;
    }

    /// <summary>
    /// Reads a kept body again and appends what is understood to the log, an event once; broken off anywhere, it can be done again.
    /// </summary>
    /// <param name="who">For the audit log.</param>
    public async Task<Replay> ReplayAsync(long id, string who, CancellationToken cancel)
    {
        if (!await IsPrimaryAsync(cancel))
            return Replay.Refused(ReplayOutcome.NotPrimary);
        if (await FindAsync(id, cancel) is not var (row, body))
            return Replay.Refused(ReplayOutcome.Unknown);
        if (row.Truncated)
            return Replay.Refused(ReplayOutcome.Truncated);
        var envelope = NotificationFormats.Parse(row.Format, body);
        var known = await KnownAsync(envelope.Events, cancel);
        var fresh = envelope.Events.Where(e => !known.Contains(e.SourceEventId)).DistinctBy(e => e.SourceEventId).ToList();
        var overtaken = await OvertakenAsync(fresh, row.ReceivedAt, cancel);
        fresh.RemoveAll(e => overtaken.Contains(e.SourceEventId));
        await new LogAppender(source).AppendAsync(fresh, [], cancel);
        await SettleAsync(row, envelope.Problems, fresh.Count, who, cancel);
        return new(
            envelope.Problems.Count == 0 ? ReplayOutcome.Understood : ReplayOutcome.Stays,
            fresh.Count, known.Count, overtaken.Count, envelope.Ignored, envelope.Problems);
    }

    private async Task<bool> IsPrimaryAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select exists (select from site where role = 'primary')");
        return (bool)(await command.ExecuteScalarAsync(cancel))!;
    }

    private Task<HashSet<string>> KnownAsync(IReadOnlyList<NewEvent> events, CancellationToken cancel) => IdsAsync(
        "select source_event_id from event where source_event_id = any ($1)", [Texts(events.Select(e => e.SourceEventId))], cancel);

    private Task<HashSet<string>> OvertakenAsync(IReadOnlyList<NewEvent> events, DateTimeOffset receivedAt, CancellationToken cancel) => IdsAsync(
        """
        select n.id from unnest($1, $2, $3) as n(id, repository, reference)
        where exists (select from event e where e.received_at > $4 and e.repository = n.repository and coalesce(e.tag, e.digest) = n.reference)
        """,
        [
            Texts(events.Select(e => e.SourceEventId)), Texts(events.Select(e => e.Repository)), Texts(events.Select(e => e.Tag ?? e.Digest)),
            new() { Value = receivedAt.ToUniversalTime() },
        ], cancel);

    private async Task<HashSet<string>> IdsAsync(string sql, NpgsqlParameter[] parameters, CancellationToken cancel)
    {
        await using var command = source.CreateCommand(sql);
        command.Parameters.AddRange(parameters);
        var ids = new HashSet<string>(StringComparer.Ordinal);
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            ids.Add(row.GetString(0));
        return ids;
    }

    /// <summary>Throws one out, unread, whatever it said; false when there is no such notification (any more).</summary>
    /// <param name="who">For the audit log.</param>
    public async Task<bool> DropAsync(long id, string who, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            with gone as (delete from quarantine where id = $1 returning *),
            kept as (
                insert into audit (who, what, address, detail)
                select $2, $3, $4, format('notification %s (%s, %s bytes%s, came %s times): %s', id, format, octet_length(body),
                    case when truncated then ', cut off' else '' end, times, array_to_string(problems, '; ')) from gone)
            select count(*) from gone
            """);
        command.Parameters.Add(new() { Value = id });
        command.Parameters.Add(new() { Value = who });
        command.Parameters.Add(new() { Value = AuditWords.Dropped });
        command.Parameters.Add(AuditOrigin.Parameter());
        return (long)(await command.ExecuteScalarAsync(cancel))! == 1;
    }

    private async Task SettleAsync(QuarantinedNotification row, IReadOnlyList<string> problems, int appended, string who, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"""
            with settled as ({(problems.Count == 0 ? "delete from quarantine where id = $1" : "update quarantine set problems = $6 where id = $1")})
            insert into audit (who, what, detail, address) values ($2, $3, $4, $5)
            """);
        command.Parameters.Add(new() { Value = row.Id });
        command.Parameters.Add(new() { Value = who });
        command.Parameters.Add(new() { Value = AuditWords.Replayed });
        command.Parameters.Add(new()
        {
            Value = $"notification {row.Id} ({row.Format}): {appended} events appended{(problems.Count == 0 ? ", removed" : ", stays: " + string.Join("; ", problems))}",
        });
        command.Parameters.Add(AuditOrigin.Parameter());
        if (problems.Count > 0)
            command.Parameters.Add(Texts(problems));
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static NpgsqlParameter Texts(IEnumerable<string?> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };

    private static QuarantinedNotification Read(NpgsqlDataReader row) => new(
        row.GetInt64(0), row.GetFieldValue<DateTimeOffset>(1), row.GetFieldValue<DateTimeOffset>(2), row.GetInt32(3),
        row.IsDBNull(4) ? null : row.GetString(4), row.GetFieldValue<string[]>(5), row.GetInt32(6), row.GetBoolean(7), row.GetString(8));
}
