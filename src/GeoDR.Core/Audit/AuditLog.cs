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

    /// <summary>Who did what nobody asked for by hand.</summary>
    public const string Program = "geodr";
}

/// <summary>One line of the audit log.</summary>
/// <param name="Who">"geodr", or who asked for it.</param>
/// <param name="EventId">The event of the primary's log behind it; null where there is none.</param>
public sealed record AuditEntry(
    long Id, DateTimeOffset At, string Who, string What, string? Repository, string? Reference, string? Digest, long? EventId, string? Detail);

/// <summary>Reads the audit log; each writer adds its lines in the transaction of what it does.</summary>
public sealed class AuditLog(NpgsqlDataSource source)
{
    /// <summary>The newest first.</summary>
    /// <param name="before">Only entries with a smaller id: the next page.</param>
    public async Task<IReadOnlyList<AuditEntry>> ListAsync(string? repository, long? before, int limit, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select id, at, who, what, repository, reference, digest, event_id, detail from audit
            where ($1::text is null or repository = $1) and ($2::bigint is null or id < $2) order by id desc limit $3
            """);
        command.Parameters.Add(new() { Value = (object?)repository ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = (object?)before ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint });
        command.Parameters.Add(new() { Value = limit });
        var entries = new List<AuditEntry>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            entries.Add(new(row.GetInt64(0), row.GetFieldValue<DateTimeOffset>(1), row.GetString(2), row.GetString(3), Text(row, 4), Text(row, 5), Text(row, 6),
                row.IsDBNull(7) ? null : row.GetInt64(7), Text(row, 8)));
        return entries;
    }

    /// <summary>Adds a line in the caller's transaction.</summary>
    public static async Task WriteAsync(
        NpgsqlConnection connection, string who, string what, string? repository, string? reference, string? detail, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("insert into audit (who, what, repository, reference, detail) values ($1, $2, $3, $4, $5)", connection);
        foreach (var value in new[] { who, what, repository, reference, detail })
            command.Parameters.Add(new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
}
