using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Alerts;

/// <summary>How many alerts an evaluation raised, reminded of and ended.</summary>
public sealed record Evaluation(int Raised, int Reminded, int Ended);

/// <summary>
/// The alerts: what an evaluation finds is written here, and what is to be said about it, in one transaction. Any number of nodes may
/// try; one of them evaluates each time.
/// </summary>
public sealed class AlertBook(NpgsqlDataSource source)
{
    /// <summary>Evaluations in a row that raise an alert, and that must not find it before it is over: what flaps is said once.</summary>
    public const int Raises = 2;
    public const int Ends = 4;

    /// <summary>More at once than this are said in one message.</summary>
    public const int Gathered = 20;

    internal const string Columns =
        "id, kind, subject, severity, case when ended_at is null then 'open' else 'ended' end, text, next_step, figures, since, last_seen, ended_at";

    /// <summary>Whether it is this node's turn now.</summary>
    public async Task<bool> TakeTurnAsync(TimeSpan every, CancellationToken cancel)
    {
        await using var command = source.CreateCommand(
            "update alert_clock set evaluated_at = clock_timestamp() where evaluated_at <= clock_timestamp() - $1");
        command.Parameters.Add(new() { Value = every });
        return await command.ExecuteNonQueryAsync(cancel) == 1;
    }

    /// <summary>Writes what was found, and for each target what is to be said.</summary>
    /// <param name="site">This site's name, for the messages.</param>
    /// <param name="remind">An alert that stands is said again after this; zero: never.</param>
    /// <param name="targets">Names of the targets that are configured.</param>
    public async Task<Evaluation> WriteAsync(
        string site, IReadOnlyList<Condition> found, IReadOnlyList<string> targets, TimeSpan remind, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        // A slow evaluation may meet the next one: one writes after the other.
        DateTimeOffset now;
        await using (var one = new NpgsqlCommand("select clock_timestamp() from alert_clock for update", connection))
            now = new DateTimeOffset((DateTime)(await one.ExecuteScalarAsync(cancel))!);
        await SeenAsync(connection, found, cancel);
        var raised = await ReturningAsync(connection, $"""
            update alert set raised_at = clock_timestamp(), reminded_at = clock_timestamp()
            where ended_at is null and raised_at is null and seen >= {Raises} returning {Columns}
            """, null, cancel);
        var ended = await ReturningAsync(connection, $"update alert set ended_at = clock_timestamp() where ended_at is null and missed >= {Ends} returning {Columns}", null, cancel);
        var reminded = remind <= TimeSpan.Zero ? [] : await ReturningAsync(connection, $"""
            update alert set reminded_at = clock_timestamp()
            where ended_at is null and missed = 0 and reminded_at <= clock_timestamp() - $1 returning {Columns}
            """, remind, cancel);
        foreach (var (happened, alerts) in new[] { (AlertEvents.Raised, raised), (AlertEvents.Reminded, reminded), (AlertEvents.Ended, ended) })
            foreach (var group in alerts.Count > Gathered ? [alerts] : alerts.Select(a => new List<Alert> { a }))
                await SayAsync(connection, AlertMessage.Of(site, happened, now, group), group, targets, cancel);
        await transaction.CommitAsync(cancel);
        return new(raised.Count, reminded.Count, ended.Count);
    }

    /// <summary>Forgets alerts that ended, and what was said, longer ago than this.</summary>
    public async Task PruneAsync(TimeSpan keep, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            with old as (delete from alert where id in (select id from alert where ended_at < clock_timestamp() - $1 limit 1000))
            delete from alert_delivery where id in (select id from alert_delivery where created_at < clock_timestamp() - $1 limit 1000)
            """);
        command.Parameters.Add(new() { Value = keep });
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static async Task SeenAsync(NpgsqlConnection connection, IReadOnlyList<Condition> found, CancellationToken cancel)
    {
        var each = found.DistinctBy(c => (c.Kind, c.Subject)).ToList();
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new("""
            insert into alert as a (kind, subject, severity, text, next_step, figures) select * from unnest($1, $2, $3, $4, $5, $6::jsonb[])
            on conflict (kind, subject) where ended_at is null do update set severity = excluded.severity, text = excluded.text,
                next_step = excluded.next_step, figures = excluded.figures, last_seen = clock_timestamp(), seen = a.seen + 1, missed = 0
            """)
        {
            Parameters =
            {
                Texts(each.Select(c => c.Kind)), Texts(each.Select(c => c.Subject)), Texts(each.Select(c => c.Severity)), Texts(each.Select(c => c.Text)),
                Texts(each.Select(c => c.NextStep)), Texts(each.Select(c => JsonSerializer.Serialize(c.Figures, AlertMessage.Json))),
            },
        });
        const string Missing = "ended_at is null and not exists (select from unnest($1, $2) as f(k, s) where f.k = kind and f.s = subject)";
        foreach (var sql in new[] { $"delete from alert where raised_at is null and {Missing}", $"update alert set missed = missed + 1 where {Missing}" })
            batch.BatchCommands.Add(new(sql) { Parameters = { Texts(each.Select(c => c.Kind)), Texts(each.Select(c => c.Subject)) } });
        await batch.ExecuteNonQueryAsync(cancel);
    }

    private static async Task SayAsync(NpgsqlConnection connection, AlertMessage message, List<Alert> about, IReadOnlyList<string> targets, CancellationToken cancel)
    {
        // A reminder of what a target was not yet told would only add to what waits for it.
        await using var command = new NpgsqlCommand("""
            insert into alert_delivery (target, event, alert_ids, message) select t, $2, $3, $4 from unnest($1) as t
            where $2 <> 'reminded' or not exists (select from alert_delivery d
                where d.target = t and d.delivered_at is null and d.given_up_at is null and d.alert_ids && $3)
            """, connection)
        {
            Parameters =
            {
                Texts(targets), new() { Value = message.Event }, new() { Value = about.Select(a => a.Id).ToArray() },
                new() { Value = JsonSerializer.Serialize(message, AlertMessage.Json), NpgsqlDbType = NpgsqlDbType.Jsonb },
            },
        };
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static async Task<List<Alert>> ReturningAsync(NpgsqlConnection connection, string sql, TimeSpan? parameter, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        if (parameter is { } value)
            command.Parameters.Add(new() { Value = value });
        return await AlertList.ReadAsync(command, cancel);
    }

    private static NpgsqlParameter Texts(IEnumerable<string> texts) => new() { Value = texts.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };
}
