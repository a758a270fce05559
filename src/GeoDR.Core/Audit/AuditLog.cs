using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Audit;

/// <summary>What was done, in the words of the audit log.</summary>
public static class AuditWords
{
    /// <summary>A tag or manifest was deleted from this site's registry.</summary>
    public const string Deleted = "deleted";
    /// <summary>Deletions were stopped by the brake.</summary>
    public const string Braked = "braked";
    public const string Kept = "kept";
    public const string Released = "released";
    /// <summary>A notification was thrown out of the quarantine unread.</summary>
    public const string Dropped = "dropped";
    /// <summary>A notification from the quarantine was read again.</summary>
    public const string Replayed = "replayed";
    /// <summary>Everything that failed for one cause was marked for sync.</summary>
    public const string Retried = "retried";
    /// <summary>Of a check, in its detail.</summary>
    public const string Deep = "reading every byte";
    /// <summary>A comparison with what the registry says was asked for.</summary>
    public const string Compared = "reconcile";
    /// <summary>A message that says that it is a test was sent to every alert target.</summary>
    public const string AlertTest = "alert test";
    public const string Paused = "paused";
    public const string Resumed = "resumed";

    /// <summary>Who did what nobody asked for by hand.</summary>
    public const string Program = "geodr";
}

/// <summary>One line of the audit log.</summary>
/// <param name="Who">"geodr", or who asked for it.</param>
/// <param name="EventId">The event of the primary's log behind it; null where there is none.</param>
/// <param name="Address">From where; null for what the program did by itself.</param>
/// <param name="Refused">How often it was refused within the minute that begins at <paramref name="At"/>; null for what was done.</param>
public sealed record AuditEntry(
    long Id, DateTimeOffset At, string Who, string What, string? Repository, string? Reference, string? Digest, long? EventId, string? Detail, string? Address, int? Refused);

/// <summary>Which lines of the audit log; what is null takes all.</summary>
/// <param name="Refused">True: only what was refused; false: only what was done.</param>
public sealed record AuditFilter(string? Repository = null, string? Who = null, bool? Refused = null);

/// <summary>What was refused, for one kind and address.</summary>
public sealed record RefusedAttempts(string What, string Address, string Who, string Detail, int Count);

/// <summary>Reads the audit log; each writer adds its lines in the transaction of what it does.</summary>
public sealed class AuditLog(NpgsqlDataSource source)
{
    /// <summary>Who was refused under more than one name within a minute.</summary>
    public const string Several = "several";

    /// <summary>The newest first.</summary>
    /// <param name="before">Only entries with a smaller id: the next page.</param>
    public async Task<IReadOnlyList<AuditEntry>> ListAsync(AuditFilter filter, long? before, int limit, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select id, at, who, what, repository, reference, digest, event_id, detail, address, refused from audit
            where ($1::text is null or repository = $1) and ($2::text is null or who = $2) and ($3::boolean is null or (refused is not null) = $3)
                and ($4::bigint is null or id < $4) order by id desc limit $5
            """);
        foreach (var text in new[] { filter.Repository, filter.Who })
            command.Parameters.Add(new() { Value = (object?)text?.Replace("\0", "", StringComparison.Ordinal) ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = (object?)filter.Refused ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Boolean });
        command.Parameters.Add(new() { Value = (object?)before ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint });
        command.Parameters.Add(new() { Value = limit });
        var entries = new List<AuditEntry>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            entries.Add(new(row.GetInt64(0), row.GetFieldValue<DateTimeOffset>(1), row.GetString(2), row.GetString(3), Text(row, 4), Text(row, 5), Text(row, 6),
                row.IsDBNull(7) ? null : row.GetInt64(7), Text(row, 8), Text(row, 9), row.IsDBNull(10) ? null : row.GetInt32(10)));
        return entries;
    }

    /// <summary>Adds a line for what is no change of this database.</summary>
    public async Task NoteAsync(string who, string what, string? repository, string? reference, string? detail, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await WriteAsync(connection, who, what, repository, reference, detail, cancel);
    }

    /// <summary>Adds what was refused to the lines of this minute, one for each kind and address.</summary>
    public async Task GatherAsync(IReadOnlyCollection<RefusedAttempts> attempts, CancellationToken cancel)
    {
        await using var batch = source.CreateBatch();
        foreach (var a in attempts)
            batch.BatchCommands.Add(new($"""
                insert into audit as a (at, what, address, who, detail, refused) values (date_bin('1 minute', clock_timestamp(), 'epoch'), $1, $2, $3, $4, $5)
                on conflict (at, what, address) where refused is not null do update set
                    refused = a.refused + excluded.refused, who = case when a.who = excluded.who then a.who else '{Several}' end, detail = excluded.detail
                """)
            { Parameters = { new() { Value = a.What }, new() { Value = a.Address }, new() { Value = a.Who }, new() { Value = a.Detail }, new() { Value = a.Count } } });
        await batch.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Adds a line in the caller's transaction.</summary>
    public static async Task WriteAsync(
        NpgsqlConnection connection, string who, string what, string? repository, string? reference, string? detail, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("insert into audit (who, what, repository, reference, detail, address) values ($1, $2, $3, $4, $5, $6)", connection);
        foreach (var value in new[] { who, what, repository, reference, detail, AuditOrigin.Address })
            command.Parameters.Add(new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
}
