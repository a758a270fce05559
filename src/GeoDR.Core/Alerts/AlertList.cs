using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Alerts;

/// <summary>What was said, or is still to be.</summary>
/// <param name="State">delivered, waiting, failing (tried, and tried again), or "given up".</param>
/// <param name="NextAt">When it is tried next; null when it is not.</param>
/// <param name="Error">Of the last try that failed.</param>
public sealed record DeliveryRow(
    long Id, string Target, string Event, string Text, string State, int Attempts, DateTimeOffset CreatedAt, DateTimeOffset? DeliveredAt, DateTimeOffset? NextAt, string? Error);

/// <summary>The alerts as they are shown.</summary>
public sealed class AlertList(NpgsqlDataSource source)
{
    /// <summary>Those that were raised: the open ones first, then the newest.</summary>
    /// <param name="open">Null for all.</param>
    public async Task<IReadOnlyList<Alert>> ListAsync(bool? open, int limit, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"""
            select {AlertBook.Columns} from alert where raised_at is not null and ($1::boolean is null or (ended_at is null) = $1)
            order by ended_at is null desc, ended_at desc, severity, id limit $2
            """);
        command.Parameters.Add(new() { Value = (object?)open ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Boolean });
        command.Parameters.Add(new() { Value = limit });
        return await ReadAsync(command, cancel);
    }

    /// <summary>The newest first.</summary>
    public async Task<IReadOnlyList<DeliveryRow>> DeliveriesAsync(int limit, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select id, target, event, message ->> 'text', attempts, created_at, delivered_at, given_up_at is not null, next_at, last_error
            from alert_delivery order by id desc limit $1
            """);
        command.Parameters.Add(new() { Value = limit });
        var rows = new List<DeliveryRow>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
        {
            var (attempts, delivered, gaveUp, error) = (row.GetInt32(4), Time(row, 6), row.GetBoolean(7), row.IsDBNull(9) ? null : row.GetString(9));
            var state = delivered is not null ? "delivered" : gaveUp ? "given up" : error is not null ? "failing" : "waiting";
            rows.Add(new(row.GetInt64(0), row.GetString(1), row.GetString(2), row.GetString(3), state, attempts, row.GetFieldValue<DateTimeOffset>(5),
                delivered, state is "failing" or "waiting" ? Time(row, 8) : null, error));
        }
        return rows;
    }

    internal static async Task<List<Alert>> ReadAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        var alerts = new List<Alert>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            alerts.Add(new(
                row.GetInt64(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4), row.GetString(5), row.GetString(6),
                JsonSerializer.Deserialize<Dictionary<string, double>>(row.GetString(7))!, row.GetFieldValue<DateTimeOffset>(8), row.GetFieldValue<DateTimeOffset>(9), Time(row, 10)));
        return alerts;
    }

    private static DateTimeOffset? Time(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetFieldValue<DateTimeOffset>(column);
}
