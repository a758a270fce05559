using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Schedules;

/// <summary>Another node goes on with the run; this one writes nothing more of it.</summary>
public sealed class RunLostException(string schedule) : Exception($"another node goes on with the run of '{schedule}'");

/// <summary>The runs of schedules: one is open for each at most, and each attempt of it is known by its number.</summary>
public sealed class ScheduleRuns(NpgsqlDataSource source)
{
    private const int KeepRuns = 100;
    private const int PruneStep = 100;
    private static readonly TimeSpan s_keep = TimeSpan.FromDays(90);

    private const string Columns =
        "id, schedule, cause, wanted_by, nodes, due_at, started_at, seen_at, finished_at, status, outcome, work";

    // The attempt that writes must be the newest.
    private const string Held = "id = $1 and cardinality(nodes) = $2 and status = 'running'";

    /// <summary>Begins a run, or goes on with the one that a dead node left open.</summary>
    /// <param name="scheduledAt">When it was to fire.</param>
    /// <param name="every">The schedule's interval; zero where it has none.</param>
    public async Task<ScheduleRun> BeginAsync(
        string schedule, string cause, string? wantedBy, string node, DateTimeOffset scheduledAt, TimeSpan every, CancellationToken cancel)
    {
        while (true)
        {
            await using var command = source.CreateCommand($"""
                with taken as (
                    update schedule_run set nodes = nodes || $4, seen_at = clock_timestamp() where schedule = $1 and status = 'running' returning {Columns}),
                fresh as (
                    insert into schedule_run (schedule, cause, wanted_by, nodes, scheduled_at, due_at)
                    select $1, $2, $3, array[$4], $5, case when $2 = 'schedule' and $6 > interval '0' then
                        least($5, (select scheduled_at + $6 from schedule_run where schedule = $1 and cause = 'schedule' order by id desc limit 1)) else $5 end
                    where not exists (select from taken) on conflict (schedule) where status = 'running' do nothing returning {Columns})
                select * from taken union all select * from fresh
                """);
            command.Parameters.Add(new() { Value = schedule });
            command.Parameters.Add(new() { Value = cause });
            command.Parameters.Add(Text(wantedBy));
            command.Parameters.Add(new() { Value = node });
            command.Parameters.Add(new() { Value = scheduledAt.ToUniversalTime() });
            command.Parameters.Add(new() { Value = every });
            await using var row = await command.ExecuteReaderAsync(cancel);
            if (await row.ReadAsync(cancel))
                return Read(row, 0);
        }
    }

    /// <summary>What the run asked for: asks where no attempt of it did before, in one transaction with the note of it.</summary>
    /// <exception cref="RunLostException"/>
    public async Task<long> AskOnceAsync(ScheduleRun run, Func<NpgsqlConnection, CancellationToken, Task<long>> ask, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using var read = Mine(new NpgsqlCommand($"select work from schedule_run where {Held} for update", connection), run);
        if (await read.ExecuteScalarAsync(cancel) is not { } found)
            throw new RunLostException(run.Schedule);
        if (found is long before)
            return before;
        var work = await ask(connection, cancel);
        await using var keep = Mine(new NpgsqlCommand($"update schedule_run set work = $3 where {Held}", connection), run);
        keep.Parameters.Add(new() { Value = work });
        await keep.ExecuteNonQueryAsync(cancel);
        await transaction.CommitAsync(cancel);
        return work;
    }

    /// <summary>Says that the run lives, and how far it is.</summary>
    /// <exception cref="RunLostException"/>
    public async Task SayAsync(ScheduleRun run, string? progress, CancellationToken cancel)
    {
        await using var command = Mine(source.CreateCommand($"update schedule_run set seen_at = clock_timestamp(), outcome = coalesce($3, outcome) where {Held}"), run);
        command.Parameters.Add(Text(progress));
        if (await command.ExecuteNonQueryAsync(cancel) == 0)
            throw new RunLostException(run.Schedule);
    }

    /// <summary>Ends the run and forgets the oldest ones.</summary>
    /// <exception cref="RunLostException"/>
    public async Task EndAsync(ScheduleRun run, string status, string outcome, CancellationToken cancel)
    {
        await using var command = Mine(source.CreateCommand($"""
            update schedule_run set seen_at = clock_timestamp(), finished_at = clock_timestamp(), status = $3, outcome = $4 where {Held}
            """), run);
        command.Parameters.Add(new() { Value = status });
        command.Parameters.Add(Text(outcome));
        if (await command.ExecuteNonQueryAsync(cancel) == 0)
            throw new RunLostException(run.Schedule);
        await PruneAsync(run.Schedule, cancel);
    }

    /// <summary>The newest first.</summary>
    public async Task<IReadOnlyList<ScheduleRun>> ListAsync(string schedule, int limit, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select {Columns} from schedule_run where schedule = $1 order by id desc limit $2");
        command.Parameters.Add(new() { Value = schedule });
        command.Parameters.Add(new() { Value = limit });
        var runs = new List<ScheduleRun>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            runs.Add(Read(row, 0));
        return runs;
    }

    private async Task PruneAsync(string schedule, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            delete from schedule_run where id in (
                select id from schedule_run where schedule = $1 and status <> 'running'
                    and (finished_at < clock_timestamp() - $2 or id <= (select id from schedule_run where schedule = $1 order by id desc offset $3 limit 1))
                order by id limit $4)
            """);
        command.Parameters.Add(new() { Value = schedule });
        command.Parameters.Add(new() { Value = s_keep });
        command.Parameters.Add(new() { Value = KeepRuns });
        command.Parameters.Add(new() { Value = PruneStep });
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static NpgsqlCommand Mine(NpgsqlCommand command, ScheduleRun run)
    {
        command.Parameters.Add(new() { Value = run.Id });
        command.Parameters.Add(new() { Value = run.Nodes.Count });
        return command;
    }

    internal static ScheduleRun Read(NpgsqlDataReader row, int at) => new(
        row.GetInt64(at), row.GetString(at + 1), row.GetString(at + 2), row.IsDBNull(at + 3) ? null : row.GetString(at + 3),
        row.GetFieldValue<string[]>(at + 4), row.GetFieldValue<DateTimeOffset>(at + 5), row.GetFieldValue<DateTimeOffset>(at + 6),
        row.GetFieldValue<DateTimeOffset>(at + 7), row.IsDBNull(at + 8) ? null : row.GetFieldValue<DateTimeOffset>(at + 8), row.GetString(at + 9),
        row.IsDBNull(at + 10) ? null : row.GetString(at + 10), row.IsDBNull(at + 11) ? null : row.GetInt64(at + 11));

    private static NpgsqlParameter Text(string? text) =>
        new() { Value = (object?)text?.Replace("\0", "", StringComparison.Ordinal) ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };
}
