using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Readiness;

/// <summary>A drill, running or ended.</summary>
/// <param name="Status">"running"; "done" when it came to its end, whatever it found; "failed" when it did not.</param>
/// <param name="Outcome">How far it is, then what it came to, in a sentence.</param>
/// <param name="Report">Null unless it is done.</param>
public sealed record DrillRun(
    long Id, string Status, string AskedBy, string Node, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, string? Outcome, DrillReport? Report);

/// <summary>The drills of a site, with their dated reports. One runs at a time, under its node's lease.</summary>
public sealed class DrillRuns(NpgsqlDataSource source)
{
    /// <summary>Reports that are kept.</summary>
    public const int Kept = 200;

    /// <summary>A node that says nothing for so long has left its drill.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    /// <summary>Begins one; null where another runs. One that its node has left is ended as failed.</summary>
    public async Task<long?> BeginAsync(string by, string node, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new("""
                    update drill_run set status = 'failed', ended_at = clock_timestamp(), outcome = 'its node left it: ' || coalesce(outcome, 'it had just begun')
                    where status = 'running' and lease_until < clock_timestamp()
                    """),
                new("""
                    insert into drill_run (asked_by, node, lease_until) values ($1, $2, clock_timestamp() + $3)
                    on conflict ((true)) where status = 'running' do nothing returning id
                    """)
                { Parameters = { Text(by), Text(node), new() { Value = Lease } } },
            },
        };
        await using var row = await batch.ExecuteReaderAsync(cancel);
        return await row.ReadAsync(cancel) ? row.GetInt64(0) : null;
    }

    /// <summary>Says that it lives, and how far it is. False where it is another's word now: it was ended.</summary>
    public async Task<bool> SayAsync(long id, string outcome, CancellationToken cancel)
    {
        await using var command = source.CreateCommand(
            "update drill_run set lease_until = clock_timestamp() + $2, outcome = $3 where id = $1 and status = 'running'");
        command.Parameters.Add(new() { Value = id });
        command.Parameters.Add(new() { Value = Lease });
        command.Parameters.Add(Text(outcome));
        return await command.ExecuteNonQueryAsync(cancel) == 1;
    }

    /// <summary>Writes its end and forgets the oldest reports.</summary>
    /// <param name="report">Null where it did not come to its end.</param>
    public async Task<bool> EndAsync(long id, string outcome, DrillReport? report, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            with gone as (delete from drill_run where status <> 'running' and id <= (select id from drill_run order by id desc offset $5 limit 1))
            update drill_run set status = $2, outcome = $3, report = $4, ended_at = clock_timestamp() where id = $1 and status = 'running'
            """);
        command.Parameters.Add(new() { Value = id });
        command.Parameters.Add(new() { Value = report is null ? "failed" : "done" });
        command.Parameters.Add(Text(outcome));
        // A JSON string may hold an escaped zero, which jsonb does not take.
        command.Parameters.Add(new() { Value = (object?)report?.ToJson().Replace("\\u0000", "?", StringComparison.Ordinal) ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Jsonb });
        command.Parameters.Add(new() { Value = Kept });
        return await command.ExecuteNonQueryAsync(cancel) > 0;
    }

    /// <summary>The newest first.</summary>
    public async Task<IReadOnlyList<DrillRun>> ListAsync(int limit, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"{Select} order by id desc limit $1");
        command.Parameters.Add(new() { Value = limit });
        return await ReadAsync(command, cancel);
    }

    /// <summary>Null for a number that is none.</summary>
    public async Task<DrillRun?> GetAsync(long id, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"{Select} where id = $1");
        command.Parameters.Add(new() { Value = id });
        return await ReadAsync(command, cancel) is [var one, ..] ? one : null;
    }

    private const string Select = "select id, status, asked_by, node, started_at, ended_at, outcome, report::text from drill_run";

    private static async Task<IReadOnlyList<DrillRun>> ReadAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        var runs = new List<DrillRun>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            runs.Add(new(
                row.GetInt64(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetFieldValue<DateTimeOffset>(4),
                row.IsDBNull(5) ? null : row.GetFieldValue<DateTimeOffset>(5), row.IsDBNull(6) ? null : row.GetString(6),
                row.IsDBNull(7) ? null : DrillReport.Parse(row.GetString(7))));
        return runs;
    }

    private static NpgsqlParameter Text(string text) => new() { Value = text.Replace("\0", "", StringComparison.Ordinal), NpgsqlDbType = NpgsqlDbType.Text };
}
