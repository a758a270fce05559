using Npgsql;

namespace GeoDR.Metrics;

/// <summary>What the metrics hold beside the status.</summary>
/// <param name="LogIds">Span of the ids in the own log.</param>
public sealed record MetricsFacts(
    long LogIds, long Quarantined, IReadOnlyList<(string Value, double Sample)> Deletions, IReadOnlyList<(string Value, double Sample)> Alerts,
    IReadOnlyList<(string Value, double Sample)> Deliveries, long Braked, IReadOnlyList<(string Value, double Sample)> Failures)
{
    public static async Task<MetricsFacts> ReadAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select 'log', '', coalesce(max(id) - min(id) + 1, 0)::float8 from event
            union all select 'quarantine', '', count(*) from quarantine
            union all select 'brake', '', count(*) from waiting_deletion where hold = 'brake'
            union all select 'deletion', state, count(*) from waiting_deletion group by state
            union all select 'alert', kind, count(*) from alert where ended_at is null and raised_at is not null group by kind
            union all select 'failure', cause, count(*) from failure group by cause
            union all select 'delivery', target, count(*) from alert_delivery
                where delivered_at is null and given_up_at is null and last_error is not null group by target
            """);
        var rows = new List<(string What, string Value, double Sample)>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            rows.Add((row.GetString(0), row.GetString(1), row.GetDouble(2)));
        long One(string what) => (long)rows.FirstOrDefault(r => r.What == what).Sample;
        IReadOnlyList<(string, double)> Each(string what) => [.. rows.Where(r => r.What == what).Select(r => (r.Value, r.Sample))];
        return new(One("log"), One("quarantine"), Each("deletion"), Each("alert"), Each("delivery"), One("brake"), Each("failure"));
    }
}
