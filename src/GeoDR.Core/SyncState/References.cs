using Npgsql;
using NpgsqlTypes;

namespace GeoDR.SyncState;

/// <summary>The references that wait, as one claim works on them. Every write is fenced by the claim's token.</summary>
public sealed class References(NpgsqlDataSource source)
{
    private const string Held = "exists (select from repository where id = $1 and claim_token = $2 and state = 1)";

    /// <summary>Takes the references that are due and not in this claim's hands yet, or that a newer event has changed since.</summary>
    public async Task<IReadOnlyList<WaitingReference>> TakeDueAsync(ClaimedRepository claim, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"""
            update waiting_reference set claim_token = $2, taken_event = event_id
            where repository_id = $1 and not_before <= clock_timestamp()
              and (claim_token is distinct from $2 or taken_event is distinct from event_id) and {Held}
            returning reference, event_id, digest, fresh_until > clock_timestamp(), tries, recheck_at is not null,
                coalesce(recheck_at <= clock_timestamp(), true)
            """);
        Add(command.Parameters, claim);
        return await ReadAsync(command, cancel);
    }

    /// <summary>Takes tags that a full sync is about to write, so that a successor knows what may still land.</summary>
    public async Task<IReadOnlyList<WaitingReference>> TakeTagsAsync(ClaimedRepository claim, IReadOnlyCollection<string> tags, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"""
            insert into waiting_reference as w (repository_id, reference, event_id, claim_token, taken_event)
            select $1, tag, 0, $2, 0 from unnest($3) as t(tag) where {Held} order by tag
            on conflict (repository_id, reference) do update set claim_token = $2, taken_event = w.event_id
            returning reference, event_id, digest, fresh_until > clock_timestamp(), tries, recheck_at is not null,
                coalesce(recheck_at <= clock_timestamp(), true)
            """);
        Add(command.Parameters, claim);
        command.Parameters.Add(new() { Value = tags.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        return await ReadAsync(command, cancel);
    }

    /// <summary>The reference is at the secondary, or gone from the primary: nothing is left to do, unless a newer event came.</summary>
    /// <param name="held">What the own registry holds now under it; null when there is nothing to hold.</param>
    public async Task DoneAsync(ClaimedRepository claim, WaitingReference reference, HeldManifest? held, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var batch = new NpgsqlBatch(connection);
        if (held is not null)
            AddInventory(batch, claim, reference.Reference, held);
        batch.BatchCommands.Add(Fenced($"""
            delete from waiting_reference where repository_id = $1 and reference = $3 and event_id = $4 and claim_token = $2 and $5 and {Held}
            """, claim, reference, new NpgsqlParameter { Value = reference.RecheckPassed }));
        // A dead worker's write may still land: look again when it no longer can.
        batch.BatchCommands.Add(Fenced($"""
            update waiting_reference set claim_token = null, not_before = recheck_at, failed = false
            where repository_id = $1 and reference = $3 and event_id = $4 and claim_token = $2 and not $5 and {Held}
            """, claim, reference, new NpgsqlParameter { Value = reference.RecheckPassed }));
        await batch.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>
    /// The primary has nothing under it. What stood here under that tag before it moved may be left over: a candidate for deletion, which
    /// no event names.
    /// </summary>
    public async Task GoneAsync(ClaimedRepository claim, WaitingReference reference, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"""
            insert into waiting_deletion (repository_id, reference)
            select r.id, t.name from repository r join tag t on t.repository = r.name and t.name = $3 where r.id = $1 and {Held}
            on conflict (repository_id, reference) do nothing
            """);
        Add(command.Parameters, claim);
        command.Parameters.Add(new() { Value = reference.Reference });
        await command.ExecuteNonQueryAsync(cancel);
        await DoneAsync(claim, reference, null, cancel);
    }

    /// <summary>Asks again after <paramref name="delay"/>; no attempt burns.</summary>
    public Task NotYetAsync(ClaimedRepository claim, WaitingReference reference, TimeSpan delay, CancellationToken cancel) =>
        ExecuteAsync(Fenced($"""
            update waiting_reference set claim_token = null, tries = tries + 1, not_before = clock_timestamp() + $5
            where repository_id = $1 and reference = $3 and event_id = $4 and claim_token = $2 and {Held}
            """, claim, reference, new NpgsqlParameter { Value = delay }), cancel);

    /// <summary>Keeps a failure with its own words and its own time to try again.</summary>
    /// <param name="retryIn">Null: not until something changes.</param>
    /// <param name="recheckIn">Set when a write was sent and not answered.</param>
    public async Task FailedAsync(
        ClaimedRepository claim, WaitingReference reference, Failure failure, TimeSpan? retryIn, TimeSpan? recheckIn, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(Fenced($"""
            update waiting_reference set claim_token = null, failed = true,
                not_before = coalesce(clock_timestamp() + $5, 'infinity'), recheck_at = coalesce(clock_timestamp() + $6, recheck_at)
            where repository_id = $1 and reference = $3 and event_id = $4 and claim_token = $2 and {Held}
            """, claim, reference, Interval(retryIn), Interval(recheckIn)));
        batch.BatchCommands.Add(FailureUpsert(claim.Id, reference.Reference, failure));
        await batch.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>A write was sent under a lease that had ended: whatever stands there now is to be looked at again.</summary>
    public async Task PutBackAsync(long repositoryId, string reference, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new("update repository set state = case when state = 1 then 1 else 0 end, priority = 0, retry_at = null where id = $1")
        { Parameters = { new() { Value = repositoryId } } });
        batch.BatchCommands.Add(new("""
            insert into waiting_reference (repository_id, reference, event_id, recheck_at) values ($1, $2, 0, clock_timestamp())
            on conflict (repository_id, reference) do update set recheck_at = clock_timestamp(), not_before = clock_timestamp(), taken_event = null
            """)
        { Parameters = { new() { Value = repositoryId }, new() { Value = reference } } });
        batch.BatchCommands.Add(new($"notify {Marking.Channel}"));
        await batch.ExecuteNonQueryAsync(cancel);
    }

    internal static NpgsqlBatchCommand FailureUpsert(long repositoryId, string reference, Failure failure) =>
        new("""
            insert into failure (repository_id, reference, kind, cause, message) values ($1, $2, $3, $4, $5)
            on conflict (repository_id, reference) do update set
                kind = excluded.kind, cause = excluded.cause, message = excluded.message, failed_at = clock_timestamp()
            """)
        {
            Parameters =
            {
                new() { Value = repositoryId }, new() { Value = reference },
                new() { Value = failure.Kind == FailureKind.Terminal ? "terminal" : "retryable" },
                new() { Value = failure.Cause }, new() { Value = failure.Message.Replace("\0", "", StringComparison.Ordinal) },
            },
        };

    private static void AddInventory(NpgsqlBatch batch, ClaimedRepository claim, string reference, HeldManifest held)
    {
        if (!reference.Contains(':', StringComparison.Ordinal))
            batch.BatchCommands.Add(new($"""
                insert into tag (repository, name, digest) select $3, $4, $5 where {Held}
                on conflict (repository, name) do update set digest = excluded.digest, read_at = clock_timestamp()
                """)
            {
                Parameters =
                {
                    new() { Value = claim.Id }, new() { Value = claim.Token }, new() { Value = claim.Name },
                    new() { Value = reference }, new() { Value = held.Digest },
                },
            });
        batch.BatchCommands.Add(new($"""
            insert into manifest (repository, digest, media_type, bytes) select $3, $4, $5, $6 where {Held}
            on conflict (repository, digest) do nothing
            """)
        {
            Parameters =
            {
                new() { Value = claim.Id }, new() { Value = claim.Token }, new() { Value = claim.Name }, new() { Value = held.Digest },
                new() { Value = (object?)held.MediaType ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text },
                new() { Value = (object?)held.Bytes ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint },
            },
        });
    }

    private static NpgsqlBatchCommand Fenced(string sql, ClaimedRepository claim, WaitingReference reference, params NpgsqlParameter[] more)
    {
        var command = new NpgsqlBatchCommand(sql)
        {
            Parameters =
            {
                new() { Value = claim.Id }, new() { Value = claim.Token }, new() { Value = reference.Reference }, new() { Value = reference.EventId },
            },
        };
        foreach (var parameter in more)
            command.Parameters.Add(parameter);
        return command;
    }

    private static NpgsqlParameter Interval(TimeSpan? time) =>
        new() { Value = (object?)time ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Interval };

    private static void Add(NpgsqlParameterCollection parameters, ClaimedRepository claim)
    {
        parameters.Add(new() { Value = claim.Id });
        parameters.Add(new() { Value = claim.Token });
    }

    private async Task ExecuteAsync(NpgsqlBatchCommand command, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var batch = new NpgsqlBatch(connection) { BatchCommands = { command } };
        await batch.ExecuteNonQueryAsync(cancel);
    }

    private static async Task<IReadOnlyList<WaitingReference>> ReadAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        var taken = new List<WaitingReference>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            taken.Add(new(reader.GetString(0), reader.GetInt64(1), reader.IsDBNull(2) ? null : reader.GetString(2),
                reader.GetBoolean(3), reader.GetInt32(4), reader.GetBoolean(5), reader.GetBoolean(6)));
        return taken;
    }
}

/// <summary>What the own registry holds under a reference.</summary>
/// <param name="Bytes">Of the manifest and all it refers to; null when that was not read.</param>
public sealed record HeldManifest(string Digest, string? MediaType, long? Bytes);
