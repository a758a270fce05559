using Npgsql;

namespace GeoDR.Status;

/// <summary>A process that syncs.</summary>
/// <param name="Node">Its machine and process.</param>
/// <param name="Slots">Repositories at once.</param>
/// <param name="Started">Repositories in its hands.</param>
/// <param name="Repositories">Names of up to five of them.</param>
/// <param name="LeaseSecondsLeft">Below zero it is dead, and what it had goes to others.</param>
public sealed record WorkerRow(Guid Id, string Node, int Slots, long Started, DateTimeOffset StartedAt, double LeaseSecondsLeft, IReadOnlyList<string> Repositories);

/// <summary>The workers that this site's database knows, by node.</summary>
public sealed class WorkerList(NpgsqlDataSource source)
{
    public async Task<IReadOnlyList<WorkerRow>> ListAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select w.id, w.node, w.slots, (select count(*) from repository r where r.worker_id = w.id and r.state = 1), w.started_at,
                case when isfinite(w.lease_until) then extract(epoch from w.lease_until - clock_timestamp())::float8 else 1e9 end,
                array(select r.name from repository r where r.worker_id = w.id and r.state = 1 order by r.name limit 5)
            from worker w order by w.node, w.started_at
            """);
        var workers = new List<WorkerRow>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            workers.Add(new(row.GetGuid(0), row.GetString(1), row.GetInt32(2), row.GetInt64(3), row.GetFieldValue<DateTimeOffset>(4), row.GetDouble(5), row.GetFieldValue<string[]>(6)));
        return workers;
    }
}
