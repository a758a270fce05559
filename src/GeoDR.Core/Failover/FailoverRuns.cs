using GeoDR.Audit;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Failover;

/// <summary>A promotion or demotion, running or ended.</summary>
/// <param name="Id">Of a promotion, its UUID.</param>
/// <param name="Kind">"promote" or "demote".</param>
/// <param name="Status">running, done, failed or undone.</param>
/// <param name="Step">The step that comes next; of an ended one, the last.</param>
/// <param name="Report">JSON.</param>
public sealed record FailoverRun(
    Guid Id, string Kind, bool Planned, string Status, string Step, string Report, string AskedBy, DateTimeOffset AskedAt, DateTimeOffset? EndedAt);

/// <summary>The changes of role, step by step; one runs at a time. Who runs one holds a lease on it, so that the next node finishes what one left.</summary>
public sealed class FailoverRuns(NpgsqlDataSource source)
{
    /// <summary>The step of a promotion that does not take place: no node may promote by it any more.</summary>
    public const string Undo = "undo";

    private const string Columns = "id, kind, planned, status, step, report::text, asked_by, asked_at, ended_at";

    /// <summary>Records one, and in the audit log who asked for it. Null where another runs.</summary>
    /// <param name="node">Who has it already, for a lease's length; null to have any node take it up.</param>
    public async Task<FailoverRun?> BeginAsync(
        Guid id, string kind, bool planned, string step, string report, string by, string? node, TimeSpan lease, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"""
            with begun as (
                insert into failover_run (id, kind, planned, step, report, asked_by, node, lease_until) values ($1, $2, $3, $4, $5, $6, $7, clock_timestamp() + $8)
                on conflict ((true)) where status = 'running' do nothing returning *),
            kept as (
                insert into audit (who, what, address, reference, detail)
                select $6, $2 || ' begun', $9, report->>'site', case when planned then 'planned' else 'unplanned' end || ', promotion ' || id from begun)
            select {Columns} from begun
            """);
        command.Parameters.Add(new() { Value = id });
        command.Parameters.Add(new() { Value = kind });
        command.Parameters.Add(new() { Value = planned });
        command.Parameters.Add(new() { Value = step });
        command.Parameters.Add(new() { Value = report, NpgsqlDbType = NpgsqlDbType.Jsonb });
        command.Parameters.Add(new() { Value = by });
        command.Parameters.Add(new() { Value = (object?)node ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = lease });
        command.Parameters.Add(AuditOrigin.Parameter());
        return await ReadAsync(command, cancel) is [var one, ..] ? one : null;
    }

    /// <summary>Takes the one that runs, unless a living node has it.</summary>
    public async Task<FailoverRun?> TakeAsync(string node, TimeSpan lease, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"""
            update failover_run set node = $1, lease_until = clock_timestamp() + $2
            where status = 'running' and (node is null or node = $1 or lease_until < clock_timestamp()) returning {Columns}
            """);
        command.Parameters.Add(new() { Value = node });
        command.Parameters.Add(new() { Value = lease });
        return await ReadAsync(command, cancel) is [var one, ..] ? one : null;
    }

    /// <summary>Keeps it, and says how far it is. False when another node has it, or it was ended.</summary>
    public async Task<bool> AdvanceAsync(Guid id, string node, TimeSpan lease, string step, string report, string status, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            update failover_run set step = $4, report = $5, status = $6, lease_until = clock_timestamp() + $3,
                ended_at = case when $6 <> 'running' then clock_timestamp() end
            where id = $1 and node = $2 and status = 'running'
            """);
        command.Parameters.Add(new() { Value = id });
        command.Parameters.Add(new() { Value = node });
        command.Parameters.Add(new() { Value = lease });
        command.Parameters.Add(new() { Value = step });
        command.Parameters.Add(new() { Value = report, NpgsqlDbType = NpgsqlDbType.Jsonb });
        command.Parameters.Add(new() { Value = status });
        return await command.ExecuteNonQueryAsync(cancel) == 1;
    }

    public async Task<bool> RenewAsync(Guid id, string node, TimeSpan lease, CancellationToken cancel)
    {
        await using var command = source.CreateCommand(
            "update failover_run set lease_until = clock_timestamp() + $3 where id = $1 and node = $2 and status = 'running'");
        command.Parameters.Add(new() { Value = id });
        command.Parameters.Add(new() { Value = node });
        command.Parameters.Add(new() { Value = lease });
        return await command.ExecuteNonQueryAsync(cancel) == 1;
    }

    /// <summary>Promotions that were undone lately, the newest first.</summary>
    public async Task<IReadOnlyList<Guid>> UndoneAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select id from failover_run where status = 'undone' order by asked_at desc limit 10");
        var runs = new List<Guid>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            runs.Add(row.GetGuid(0));
        return runs;
    }

    /// <summary>The newest first.</summary>
    public async Task<IReadOnlyList<FailoverRun>> ListAsync(int limit, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select {Columns} from failover_run order by asked_at desc limit $1");
        command.Parameters.Add(new() { Value = limit });
        return await ReadAsync(command, cancel);
    }

    /// <summary>Null for an id that is none.</summary>
    public async Task<FailoverRun?> GetAsync(Guid id, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select {Columns} from failover_run where id = $1");
        command.Parameters.Add(new() { Value = id });
        return await ReadAsync(command, cancel) is [var one, ..] ? one : null;
    }

    private static async Task<IReadOnlyList<FailoverRun>> ReadAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        var runs = new List<FailoverRun>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            runs.Add(new(
                row.GetGuid(0), row.GetString(1), row.GetBoolean(2), row.GetString(3), row.GetString(4), row.GetString(5), row.GetString(6),
                row.GetFieldValue<DateTimeOffset>(7), row.IsDBNull(8) ? null : row.GetFieldValue<DateTimeOffset>(8)));
        return runs;
    }
}
