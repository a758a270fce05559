using Npgsql;
using NpgsqlTypes;

namespace GeoDR.SyncState;

/// <summary>The state row as queue: claims under a worker's lease, fenced by a token.</summary>
public sealed class Claims(NpgsqlDataSource source)
{
    // What may be claimed now: nothing while the site is paused or a peer is out.
    internal const string Claimable = """
        state = 0 and not repository.paused and (retry_at is null or retry_at <= clock_timestamp())
                  and exists (select from site where role = 'secondary' and not paused and comparing is null)
                  and not exists (select from outage)
        """;

    /// <summary>Claims rows of one priority for a living worker; none while the site is paused or a peer is out, and none that is paused itself.</summary>
    public async Task<IReadOnlyList<ClaimedRepository>> ClaimAsync(Guid worker, int priority, int atMost, CancellationToken cancel)
    {
        await using var command = source.CreateCommand(ClaimSql("priority = $2", "order by priority, pending_since limit $3"));
        command.Parameters.Add(new() { Value = worker });
        command.Parameters.Add(new() { Value = priority });
        command.Parameters.Add(new() { Value = atMost });
        return await ReadAsync(command, cancel);
    }

    /// <summary>Claims one given row under the same conditions; null where it is not to be claimed, or another has it. Either way the offer of it has ended.</summary>
    public async Task<ClaimedRepository?> ClaimPendingAsync(Guid worker, long repositoryId, CancellationToken cancel)
    {
        await using var command = source.CreateCommand(
            ClaimSql("id = $2", "", ", taken as (delete from job_offer where repository_id = $2)"));
        command.Parameters.Add(new() { Value = worker });
        command.Parameters.Add(new() { Value = repositoryId });
        return (await ReadAsync(command, cancel)).SingleOrDefault();
    }

    /// <summary>
    /// Claims one repository for work that no row asks for, a deletion: while it lasts nobody else writes there. Null where a worker
    /// has it, or where nothing may be claimed.
    /// </summary>
    public async Task<ClaimedRepository?> ClaimOneAsync(Guid worker, long repositoryId, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            with picked as (
                select id from repository
                where id = $2 and state <> 1 and not repository.paused
                  and exists (select from worker where id = $1 and lease_until > clock_timestamp())
                  and exists (select from site where role = 'secondary' and not paused and comparing is null)
                  and not exists (select from outage)
                for update skip locked)
            update repository r set state = 1, worker_id = $1, claim_token = nextval('claim_token'), claimed_at = clock_timestamp()
            from picked where r.id = picked.id
            returning r.id, r.name, r.claim_token, r.full_wanted, false, r.retry_count
            """);
        command.Parameters.Add(new() { Value = worker });
        command.Parameters.Add(new() { Value = repositoryId });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel)
            ? new(reader.GetInt64(0), reader.GetString(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetBoolean(4), reader.GetInt32(5)) : null;
    }

    /// <summary>
    /// Frees the rows of workers whose lease has ended. What such a worker may have been writing is checked again once its
    /// last request must be over, one lease from now.
    /// </summary>
    public async Task<int> FreeDeadAsync(TimeSpan lease, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            with dead as (
                select r.id, r.claim_token from repository r
                where r.state = 1 and not exists (select from worker w where w.id = r.worker_id and w.lease_until > clock_timestamp())
                limit 1000 for update skip locked),
            unsure as (
                update waiting_reference w set recheck_at = clock_timestamp() + $1, claim_token = null, not_before = clock_timestamp()
                from dead where w.repository_id = dead.id and w.claim_token is not null)
            update repository r set state = 0, worker_id = null, claim_token = nextval('claim_token'), retry_at = null
            from dead where r.id = dead.id
            """);
        command.Parameters.Add(new() { Value = lease });
        return await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Puts failed rows whose time has come back among the pending.</summary>
    public async Task<int> RetryDueAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            with due as (
                select id from repository where state = 3 and retry_at <= clock_timestamp() order by retry_at limit 1000 for update skip locked)
            update repository r set state = 0, priority = 1, retry_at = null, pending_since = clock_timestamp() from due where r.id = due.id
            """);
        return await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Time until the next pending row may be claimed that may not be yet; null when there is none.</summary>
    public async Task<TimeSpan?> NextDueAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand(
            "select min(retry_at) - clock_timestamp() from repository where state in (0, 3) and retry_at > clock_timestamp() and retry_at < 'infinity'");
        return await command.ExecuteScalarAsync(cancel) is TimeSpan due ? due : null;
    }

    /// <summary>Gives a row back untouched: shutdown, or an outage. No attempt burns.</summary>
    /// <remarks>
    /// A claim that a change of roles has ended stays written on its references: one of them may have been put into the registry and
    /// could not be noted any more, and who follows the new primary has to look (CompareLoop).
    /// </remarks>
    /// <param name="unsure">References whose write was sent and not answered.</param>
    public async Task HandBackAsync(ClaimedRepository claim, IReadOnlyCollection<string> unsure, TimeSpan lease, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new("""
            update repository set state = 0, worker_id = null, retry_at = null
            where id = $1 and claim_token = $2 and state = 1
            """)
        { Parameters = { new() { Value = claim.Id }, new() { Value = claim.Token } } });
        batch.BatchCommands.Add(new($"""
            update waiting_reference set
                claim_token = case when exists (select from repository where id = $1 and claim_token = $2) then null else claim_token end,
                recheck_at = case when reference = any ($3) then clock_timestamp() + $4 else recheck_at end
            where repository_id = $1 and claim_token = $2
            """)
        {
            Parameters =
            {
                new() { Value = claim.Id }, new() { Value = claim.Token },
                new() { Value = unsure.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text }, new() { Value = lease },
            },
        });
        batch.BatchCommands.Add(new($"notify {Marking.Channel}"));
        await batch.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Ends a claim: the row's next state is decided under its lock, from what waits now.</summary>
    /// <returns>The state it went to; null when the claim was lost and nothing was written.</returns>
    public async Task<RepositoryState?> FinishAsync(ClaimedRepository claim, WorkResult result, double jitter, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using var read = new NpgsqlBatch(connection, transaction)
        {
            BatchCommands =
            {
                new("""
                    select full_wanted, full_done, full_not_before, retry_count from repository
                    where id = $1 and claim_token = $2 and state = 1 and exists (select from site where role = 'secondary') for update
                    """)
                { Parameters = { new() { Value = claim.Id }, new() { Value = claim.Token } } },
                new("""
                    select count(*) filter (where not failed), count(*) filter (where failed), min(not_before) filter (where not failed),
                        min(not_before) filter (where failed and not_before < 'infinity'), clock_timestamp()
                    from waiting_reference where repository_id = $1
                    """)
                { Parameters = { new() { Value = claim.Id } } },
            },
        };
        RowUpdate update;
        await using (var reader = await read.ExecuteReaderAsync(cancel))
        {
            if (!await reader.ReadAsync(cancel))
                return null;
            var (wanted, done, notBefore, retries) = (reader.GetInt64(0), reader.GetInt64(1), Time(reader, 2), reader.GetInt32(3));
            await reader.NextResultAsync(cancel);
            await reader.ReadAsync(cancel);
            var left = new Remaining(reader.GetInt64(0), reader.GetInt64(1), Time(reader, 2), Time(reader, 3), Time(reader, 4)!.Value);
            update = Transition.After(result, left, wanted, done, notBefore, retries, jitter);
        }
        await WriteAsync(connection, transaction, claim, update, result.FullFailure, cancel);
        await transaction.CommitAsync(cancel);
        return update.State;
    }

    private static string ClaimSql(string which, string order, string and = "") => $"""
        with picked as (
            select id from repository
            where {which} and {Claimable}
              and exists (select from worker where id = $1 and lease_until > clock_timestamp())
            {order} for update skip locked){and}
        update repository r
        set state = 1, worker_id = $1, claim_token = nextval('claim_token'), claimed_at = clock_timestamp(), retry_at = null
        from picked where r.id = picked.id
        returning r.id, r.name, r.claim_token, r.full_wanted,
            r.priority = 1 and r.full_wanted > r.full_done and coalesce(r.full_not_before <= clock_timestamp(), true), r.retry_count,
            exists (select from damage d where d.repository_id = r.id and d.healed_at is null and d.ordered)
        """;

    private static async Task<List<ClaimedRepository>> ReadAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        var claimed = new List<ClaimedRepository>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            claimed.Add(new(reader.GetInt64(0), reader.GetString(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetBoolean(4), reader.GetInt32(5))
            { HasDamage = reader.GetBoolean(6) });
        return claimed;
    }

    private static async Task WriteAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, ClaimedRepository claim, RowUpdate update, Failure? failure, CancellationToken cancel)
    {
        await using var batch = new NpgsqlBatch(connection, transaction);
        batch.BatchCommands.Add(new("""
            update repository set state = $2, priority = $3, retry_count = $4, retry_at = $5, full_done = $6, full_not_before = $7,
                worker_id = null,
                last_synced_at = case when $2 = 2 then clock_timestamp() else last_synced_at end,
                pending_since = case when $2 = 0 then coalesce(pending_since, clock_timestamp()) end
            where id = $1
            """)
        {
            Parameters =
            {
                new() { Value = claim.Id }, new() { Value = (short)update.State }, new() { Value = (short)update.Priority },
                new() { Value = update.RetryCount }, Time(update.RetryAt), new() { Value = update.FullDone }, Time(update.FullNotBefore),
            },
        });
        batch.BatchCommands.Add(new("update waiting_reference set claim_token = null where repository_id = $1 and claim_token = $2")
        { Parameters = { new() { Value = claim.Id }, new() { Value = claim.Token } } });
        if (failure is not null)
            batch.BatchCommands.Add(References.FailureUpsert(claim.Id, "", failure));
        else
            batch.BatchCommands.Add(new("""
                delete from failure f where repository_id = $1 and (reference = '' and not $2
                    or reference <> '' and not exists (select from waiting_reference w where w.repository_id = $1 and w.reference = f.reference and w.failed))
                """)
            { Parameters = { new() { Value = claim.Id }, new() { Value = update.FullNotBefore is not null } } });
        if (update.State == RepositoryState.Synced)
            batch.BatchCommands.Add(new("""
                insert into verification as v (repository_id) values ($1)
                on conflict (repository_id) do update set again = v.state = 1, state = case when v.state = 1 then 1 else 0 end, retry_at = null,
                    pending_since = case when v.state in (2, 3) then clock_timestamp() else v.pending_since end
                """)
            { Parameters = { new() { Value = claim.Id } } });
        if (update.State == RepositoryState.Pending)
            batch.BatchCommands.Add(new($"notify {Marking.Channel}"));
        await batch.ExecuteNonQueryAsync(cancel);
    }

    // PostgreSQL's infinity stands for "not until something changes".
    private static NpgsqlParameter Time(DateTimeOffset? time) => new()
    {
        Value = time is null ? DBNull.Value : time == DateTimeOffset.MaxValue ? DateTime.MaxValue : time.Value.UtcDateTime,
        NpgsqlDbType = NpgsqlDbType.TimestampTz,
    };

    private static DateTimeOffset? Time(NpgsqlDataReader reader, int column)
    {
        if (reader.IsDBNull(column))
            return null;
        var time = reader.GetDateTime(column);
        return time == DateTime.MaxValue ? DateTimeOffset.MaxValue : time == DateTime.MinValue ? DateTimeOffset.MinValue : new DateTimeOffset(time);
    }
}
