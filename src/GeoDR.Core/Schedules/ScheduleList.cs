using GeoDR.Audit;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Schedules;

/// <summary>Somebody's wish for a run.</summary>
public sealed record ScheduleWish(string Name, string By);

/// <summary>The schedules that this site's processes run, and the wishes for a run of one now.</summary>
public sealed class ScheduleList(NpgsqlDataSource source)
{
    /// <summary>How the audit log calls a run that somebody asked for.</summary>
    public const string Audited = "schedule run";

    /// <summary>By name, each with its newest run.</summary>
    public async Task<IReadOnlyList<ScheduleRow>> ListAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select s.name, s.every, s.off, s.next_at, s.wanted_at,
                r.id, r.schedule, r.cause, r.wanted_by, r.nodes, r.due_at, r.started_at, r.seen_at, r.finished_at, r.status, r.outcome, r.work
            from schedule s left join lateral (select * from schedule_run where schedule = s.name order by id desc limit 1) r on true order by s.name
            """);
        var rows = new List<ScheduleRow>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            rows.Add(new(
                row.GetString(0), row.GetTimeSpan(1), row.IsDBNull(2) ? null : row.GetString(2), Time(row, 3), Time(row, 4),
                row.IsDBNull(5) ? null : ScheduleRuns.Read(row, 5)));
        return rows;
    }

    /// <summary>Asks for a run of it now, once however often it is asked; false where there is no such schedule.</summary>
    /// <param name="who">For the audit log.</param>
    public async Task<bool> WantAsync(string name, string who, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            with wanted as (
                update schedule set wanted_at = coalesce(wanted_at, clock_timestamp()), wanted_by = coalesce(wanted_by, $2) where name = $1 returning name),
            kept as (insert into audit (who, what, detail, address) select $2, $3, name, $4 from wanted)
            select count(*) from wanted
            """);
        command.Parameters.Add(new() { Value = name.Replace("\0", "", StringComparison.Ordinal) });
        command.Parameters.Add(new() { Value = who });
        command.Parameters.Add(new() { Value = Audited });
        command.Parameters.Add(AuditOrigin.Parameter());
        return (long)(await command.ExecuteScalarAsync(cancel))! == 1;
    }

    /// <summary>Hands each wish over and forgets it; one node does it, and a wish that could not be handed over stays.</summary>
    public async Task TakeWishesAsync(Func<ScheduleWish, Task> hand, CancellationToken cancel)
    {
        var names = new List<string>();
        await using (var command = source.CreateCommand("select name from schedule where wanted_at is not null"))
        await using (var row = await command.ExecuteReaderAsync(cancel))
            while (await row.ReadAsync(cancel))
                names.Add(row.GetString(0));
        foreach (var name in names)
            await TakeAsync(name, hand, cancel);
    }

    private async Task TakeAsync(string name, Func<ScheduleWish, Task> hand, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using var take = new NpgsqlCommand(
            "select coalesce(wanted_by, '') from schedule where name = $1 and wanted_at is not null for update skip locked", connection)
        { Parameters = { new() { Value = name } } };
        if (await take.ExecuteScalarAsync(cancel) is not string by)
            return;
        await hand(new(name, by));
        await using var forget = new NpgsqlCommand("update schedule set wanted_at = null, wanted_by = null where name = $1", connection)
        { Parameters = { new() { Value = name } } };
        await forget.ExecuteNonQueryAsync(cancel);
        await transaction.CommitAsync(cancel);
    }

    /// <summary>Makes the list that of a process: those it does not know vanish, their runs stay.</summary>
    public async Task KeepAsync(IReadOnlyList<(string Name, TimeSpan Every, string? Off)> schedules, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            with gone as (delete from schedule where name <> all ($1))
            insert into schedule (name, every, off) select * from unnest($1, $2, $3)
            on conflict (name) do update set every = excluded.every, off = excluded.off
            """);
        command.Parameters.Add(new() { Value = schedules.Select(s => s.Name).ToArray() });
        command.Parameters.Add(new() { Value = schedules.Select(s => s.Every).ToArray() });
        command.Parameters.Add(new() { Value = schedules.Select(s => s.Off).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Says when it fires next.</summary>
    public async Task NextAsync(string name, DateTimeOffset? next, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("update schedule set next_at = $2 where name = $1 and next_at is distinct from $2");
        command.Parameters.Add(new() { Value = name });
        command.Parameters.Add(new() { Value = (object?)next?.ToUniversalTime() ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>When its last run by the clock was due, or else when the site began; null before the site's first start.</summary>
    public async Task<DateTimeOffset?> LastDueAsync(string name, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select coalesce((select scheduled_at from schedule_run where schedule = $1 and cause = 'schedule' order by id desc limit 1), (select created_at from site))
            """);
        command.Parameters.Add(new() { Value = name });
        return await command.ExecuteScalarAsync(cancel) is DateTime at ? new DateTimeOffset(at) : null;
    }

    private static DateTimeOffset? Time(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetFieldValue<DateTimeOffset>(column);
}
