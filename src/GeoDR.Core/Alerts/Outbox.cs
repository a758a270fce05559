using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Alerts;

/// <summary>A message for one target, taken by this node for a minute.</summary>
/// <param name="Key">The same at every try: a receiver knows by it what it already has.</param>
public sealed record Delivery(long Id, string Key, string Target, AlertMessage Message, int Attempts);

/// <summary>
/// What is still to be said. Any number of nodes may send: each takes a message of its own, and one whose sender died is free again
/// after <see cref="Hold"/>. Each is sent at least once.
/// </summary>
public sealed class Outbox(NpgsqlDataSource source)
{
    /// <summary>Longer than any try may take.</summary>
    public static readonly TimeSpan Hold = TimeSpan.FromMinutes(1);

    /// <summary>Refused in a way that another try does not mend by itself: seldom.</summary>
    public static readonly TimeSpan Seldom = TimeSpan.FromHours(1);

    /// <summary>Nobody wants to hear of it after this.</summary>
    public static readonly TimeSpan GiveUpAfter = TimeSpan.FromDays(1);

    /// <summary>The next message that is due; null when there is none. What is said of an alert goes in order.</summary>
    /// <param name="targets">Those that are configured; the others' messages stay.</param>
    public async Task<Delivery?> TakeAsync(IReadOnlyList<string> targets, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            update alert_delivery set attempts = attempts + 1, next_at = clock_timestamp() + $2
            where id = (
                select id from alert_delivery d
                where delivered_at is null and given_up_at is null and next_at <= clock_timestamp() and target = any ($1)
                    and not exists (select from alert_delivery e where e.target = d.target and e.id < d.id
                        and e.delivered_at is null and e.given_up_at is null and e.alert_ids && d.alert_ids)
                order by id limit 1 for update skip locked)
            returning id, key::text, target, message, attempts
            """);
        command.Parameters.Add(new() { Value = targets.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = Hold });
        await using var row = await command.ExecuteReaderAsync(cancel);
        return await row.ReadAsync(cancel)
            ? new(row.GetInt64(0), row.GetString(1), row.GetString(2), JsonSerializer.Deserialize<AlertMessage>(row.GetString(3), AlertMessage.Json)!, row.GetInt32(4))
            : null;
    }

    /// <summary>Writes down how a try went, and when the next one is.</summary>
    public async Task WriteAsync(Delivery delivery, DeliveryResult result, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            update alert_delivery set last_error = $3, delivered_at = case when $2 then clock_timestamp() end,
                next_at = clock_timestamp() + $4, given_up_at = case when not $2 and created_at < clock_timestamp() - $5 then clock_timestamp() end
            where id = $1 and delivered_at is null
            """);
        command.Parameters.Add(new() { Value = delivery.Id });
        command.Parameters.Add(new() { Value = result.Delivered });
        command.Parameters.Add(new() { Value = (object?)result.Error ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = result.Permanent ? Seldom : Pause(delivery.Attempts) });
        command.Parameters.Add(new() { Value = GiveUpAfter });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>5 s, 10 s, 20 s, … up to a quarter of an hour.</summary>
    public static TimeSpan Pause(int attempts) => TimeSpan.FromSeconds(Math.Min(900, 5 * Math.Pow(2, Math.Min(attempts - 1, 10))));
}
