using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Reconcile;

/// <summary>One comparison, wanted, running or ended.</summary>
/// <param name="Status">wanted, running, done or failed.</param>
/// <param name="OwnRequests">To this site's registry.</param>
/// <param name="PeerRequests">To the primary's GeoDR.</param>
public sealed record ReconcileRun(
    long Id, string Reason, string Status, string? Node, DateTimeOffset WantedAt, DateTimeOffset? StartedAt, DateTimeOffset? FinishedAt,
    long Repositories, long Tags, long OwnRequests, long PeerRequests, long Found, string? Message);

/// <summary>The comparisons: one waits and one runs at most; whoever runs one holds a lease on it, so that another takes it over.</summary>
public sealed class ReconcileRuns(NpgsqlDataSource source)
{
    private const int MaxFindings = 10_000;

    private const string Columns =
        "id, reason, status, node, wanted_at, started_at, finished_at, repositories, tags, own_requests, peer_requests, found, message";

    /// <summary>Asks for a run, unless one waits already; answers the one that waits.</summary>
    public async Task<long> WantAsync(string reason, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        return await WantAsync(connection, reason, cancel);
    }

    /// <inheritdoc cref="WantAsync(string, CancellationToken)"/>
    public static async Task<long> WantAsync(NpgsqlConnection connection, string reason, CancellationToken cancel)
    {
        while (true)
        {
            // In two steps: what another inserted or took meanwhile is seen by the second, or by the next round.
            foreach (var sql in new[]
            {
                "insert into reconcile_run (reason) values ($1) on conflict (status) where status in ('wanted', 'running') do nothing returning id",
                "select id from reconcile_run where status = 'wanted' and $1 <> ''",
            })
            {
                await using var command = new NpgsqlCommand(sql, connection) { Parameters = { new() { Value = reason } } };
                if (await command.ExecuteScalarAsync(cancel) is long id)
                    return id;
            }
        }
    }

    /// <summary>One run; null where there is none.</summary>
    public async Task<ReconcileRun?> GetAsync(long id, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select {Columns} from reconcile_run where id = $1");
        command.Parameters.Add(new() { Value = id });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel) ? Read(reader) : null;
    }

    /// <summary>Takes the run that waits, or one whose node has died; null where there is none.</summary>
    public async Task<ReconcileRun?> TakeAsync(string node, TimeSpan lease, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"""
            update reconcile_run set status = 'running', node = $1, lease_until = clock_timestamp() + $2, started_at = coalesce(started_at, clock_timestamp())
            where id = (
                select id from reconcile_run
                where status = 'running' and lease_until < clock_timestamp()
                    or status = 'wanted' and not exists (select from reconcile_run where status = 'running')
                order by id limit 1 for update skip locked)
            returning {Columns}
            """);
        command.Parameters.Add(new() { Value = node });
        command.Parameters.Add(new() { Value = lease });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel) ? Read(reader) : null;
    }

    /// <summary>Says how far a run is and keeps it; false when it was taken over.</summary>
    public async Task<bool> RenewAsync(ReconcileRun run, string node, TimeSpan lease, ReconcileReport report, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            update reconcile_run set repositories = $3, tags = $4, own_requests = $5, peer_requests = $6, found = $7, lease_until = clock_timestamp() + $8
            where id = $1 and node = $2 and status = 'running'
            """);
        Add(command, run, node, report);
        command.Parameters.Add(new() { Value = lease });
        return await command.ExecuteNonQueryAsync(cancel) == 1;
    }

    /// <summary>Lets another node take the run at once.</summary>
    public async Task ReleaseAsync(ReconcileRun run, string node, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("update reconcile_run set lease_until = clock_timestamp() where id = $1 and node = $2 and status = 'running'");
        command.Parameters.Add(new() { Value = run.Id });
        command.Parameters.Add(new() { Value = node });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Ends a run with what it found.</summary>
    /// <param name="failure">Why it could not be completed; null when it was.</param>
    public async Task EndAsync(ReconcileRun run, string node, ReconcileReport report, string? failure, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using var end = new NpgsqlCommand("""
            update reconcile_run set lease_until = null, repositories = $3, tags = $4, own_requests = $5, peer_requests = $6, found = $7,
                status = $8, message = $9, finished_at = clock_timestamp()
            where id = $1 and node = $2 and status = 'running'
            """, connection);
        Add(end, run, node, report);
        end.Parameters.Add(new() { Value = failure is null ? "done" : "failed" });
        end.Parameters.Add(new() { Value = (object?)failure ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        if (await end.ExecuteNonQueryAsync(cancel) == 0)
            return;
        var kept = report.Findings.Take(MaxFindings).ToList();
        await using var keep = new NpgsqlCommand("""
            insert into reconcile_finding (run_id, repository, reference, kind, known, found)
            select $1, * from unnest($2, $3, $4, $5, $6) on conflict do nothing
            """, connection)
        {
            Parameters =
            {
                new() { Value = run.Id }, Texts(kept.Select(f => f.Repository)), Texts(kept.Select(f => f.Tag)),
                Texts(kept.Select(f => f.Kind.ToString().ToLowerInvariant())), Texts(kept.Select(f => f.Known)), Texts(kept.Select(f => f.Found)),
            },
        };
        await keep.ExecuteNonQueryAsync(cancel);
        await transaction.CommitAsync(cancel);
    }

    /// <summary>The newest runs first.</summary>
    public async Task<IReadOnlyList<ReconcileRun>> ListAsync(int limit, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select {Columns} from reconcile_run order by id desc limit $1");
        command.Parameters.Add(new() { Value = limit });
        var runs = new List<ReconcileRun>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            runs.Add(Read(reader));
        return runs;
    }

    /// <summary>What a run found, by name.</summary>
    public async Task<IReadOnlyList<Finding>> FindingsAsync(long run, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select repository, reference, kind, known, found from reconcile_finding where run_id = $1 order by repository, reference");
        command.Parameters.Add(new() { Value = run });
        var findings = new List<Finding>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            findings.Add(new(reader.GetString(0), reader.GetString(1), Enum.Parse<FindingKind>(reader.GetString(2), ignoreCase: true),
                reader.IsDBNull(3) ? null : reader.GetString(3), reader.IsDBNull(4) ? null : reader.GetString(4)));
        return findings;
    }

    private static void Add(NpgsqlCommand command, ReconcileRun run, string node, ReconcileReport report)
    {
        command.Parameters.Add(new() { Value = run.Id });
        command.Parameters.Add(new() { Value = node });
        foreach (var number in new[] { report.Repositories, report.Tags, report.OwnRequests, report.PeerRequests, report.Findings.Count })
            command.Parameters.Add(new() { Value = number });
    }

    private static NpgsqlParameter Texts(IEnumerable<string?> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };

    private static ReconcileRun Read(NpgsqlDataReader row) => new(
        row.GetInt64(0), row.GetString(1), row.GetString(2), row.IsDBNull(3) ? null : row.GetString(3), row.GetFieldValue<DateTimeOffset>(4),
        Time(row, 5), Time(row, 6), row.GetInt64(7), row.GetInt64(8), row.GetInt64(9), row.GetInt64(10), row.GetInt64(11),
        row.IsDBNull(12) ? null : row.GetString(12));

    private static DateTimeOffset? Time(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetFieldValue<DateTimeOffset>(column);
}
