using GeoDR.SyncState;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Sync;

/// <summary>How far a started row has come.</summary>
/// <param name="Rate">Bytes a second, over the last few seconds.</param>
public sealed record ProgressSample(ClaimedRepository Claim, long BytesDone, long BytesToDo, double Rate);

/// <summary>What a piece of work cost.</summary>
/// <param name="Bytes">Read from the primary's registry.</param>
/// <param name="Requests">To both registries.</param>
public sealed record WorkCost(TimeSpan Took, long Bytes, long Requests);

/// <summary>What is shown of the work: progress while it runs, attempts when it has ended.</summary>
public sealed class WorkStore(NpgsqlDataSource source, string node)
{
    /// <summary>Writes where the work of this process stands, and drops what no longer runs, whoever ran it.</summary>
    public async Task WriteProgressAsync(IReadOnlyCollection<ProgressSample> samples, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var batch = new NpgsqlBatch(connection);
        if (samples.Count > 0)
            batch.BatchCommands.Add(new("""
                insert into progress (repository_id, claim_token, bytes_done, bytes_to_do, rate)
                select s.* from unnest($1, $2, $3, $4, $5) as s(id, token, done, to_do, rate) join repository r on r.id = s.id
                on conflict (repository_id) do update set claim_token = excluded.claim_token, bytes_done = excluded.bytes_done,
                    bytes_to_do = excluded.bytes_to_do, rate = excluded.rate, updated_at = clock_timestamp()
                """)
            {
                Parameters =
                {
                    new() { Value = samples.Select(s => s.Claim.Id).ToArray() }, new() { Value = samples.Select(s => s.Claim.Token).ToArray() },
                    new() { Value = samples.Select(s => s.BytesDone).ToArray() }, new() { Value = samples.Select(s => s.BytesToDo).ToArray() },
                    new() { Value = samples.Select(s => s.Rate).ToArray() },
                },
            });
        batch.BatchCommands.Add(new(
            "delete from progress p using repository r where r.id = p.repository_id and (r.state <> 1 or r.claim_token <> p.claim_token)"));
        await batch.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Keeps what a piece of work came to.</summary>
    /// <param name="message">Why, where it did not end well.</param>
    public async Task RecordAsync(ClaimedRepository claim, WorkCost cost, string outcome, string? message, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            insert into attempt (repository_id, node, started_at, bytes, requests, outcome, message)
            select $1, $2, clock_timestamp() - $3, $4, $5, $6, coalesce($7, (
                select reference || ': ' || message from failure where repository_id = $1 and $6 = 'failed' order by failed_at desc limit 1))
            where exists (select from repository where id = $1)
            """);
        command.Parameters.Add(new() { Value = claim.Id });
        command.Parameters.Add(new() { Value = node });
        command.Parameters.Add(new() { Value = cost.Took });
        command.Parameters.Add(new() { Value = cost.Bytes });
        command.Parameters.Add(new() { Value = cost.Requests });
        command.Parameters.Add(new() { Value = outcome });
        command.Parameters.Add(new() { Value = (object?)message?.Replace("\0", "", StringComparison.Ordinal) ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        await command.ExecuteNonQueryAsync(cancel);
    }
}
