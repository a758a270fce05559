using Npgsql;

namespace GeoDR.Deletion;

/// <summary>One mapping of the table for everybody who reads it.</summary>
internal static class DeletionRows
{
    public const string Columns =
        "d.id, d.repository_id, r.name, d.reference, d.digest, d.state, d.hold, d.reason, d.event_id, d.recorded_at, d.until, d.missed_at, d.confirmed_at, d.released_by";

    public static async Task<List<DeletionRow>> ReadAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        var rows = new List<DeletionRow>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            rows.Add(new(
                row.GetInt64(0), row.GetInt64(1), row.GetString(2), row.GetString(3), Text(row, 4), row.GetString(5), Text(row, 6), Text(row, 7),
                row.IsDBNull(8) ? null : row.GetInt64(8), row.GetFieldValue<DateTimeOffset>(9), Time(row, 10), Time(row, 11), Time(row, 12), Text(row, 13)));
        return rows;
    }

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static DateTimeOffset? Time(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetFieldValue<DateTimeOffset>(column);
}
