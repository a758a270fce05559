using System.Security.Cryptography;
using GeoDR.Audit;
using GeoDR.EventLog;
using GeoDR.Sites;
using GeoDR.Tokens;
using Npgsql;

namespace GeoDR.Failover;

/// <summary>The site is not what the change of its role began with; the message says what it is.</summary>
public sealed class RoleChangedException(string message) : Exception(message);

/// <summary>
/// Changes what this site is: one transaction each, which ends every claim. Each can be asked for again after a crash; what was done
/// already is found done.
/// </summary>
public sealed class RoleChange(NpgsqlDataSource source, TimeProvider time)
{
    /// <summary>A primary that has never been promoted gets the first term, once its site has a key and nobody else a term.</summary>
    public Task BeginAsync(SiteKey key, CancellationToken cancel) => InTransactionAsync(async connection =>
    {
        var site = await LockAsync(connection, cancel);
        if (!site.IsPrimary || site.Promotion is not null || await NextEpochAsync(connection, cancel) > 1)
            return;
        await RaiseAsync(connection, key, new(1, Guid.NewGuid(), site.Name), cancel);
    }, cancel);

    /// <summary>
    /// This site becomes the primary under a new term: its log is a new one whose first event names the term. What waits stays as it
    /// is, so that it can be told what was lost.
    /// </summary>
    /// <exception cref="RoleChangedException"/>
    public Task PromoteAsync(SiteKey key, Guid promotion, string by, CancellationToken cancel) => InTransactionAsync(async connection =>
    {
        var site = await LockAsync(connection, cancel);
        if (site.Promotion == promotion)
            return;
        if (site.IsPrimary)
            throw new RoleChangedException($"{site.Name} is a primary already, in epoch {site.Epoch}");
        // Its row stays locked: undone before this, or not at all.
        await using (var run = new NpgsqlCommand($"select status <> 'running' or step = '{FailoverRuns.Undo}' from failover_run where id = $1 for update", connection))
        {
            run.Parameters.Add(new() { Value = promotion });
            if (await run.ExecuteScalarAsync(cancel) is true)
                throw new RoleChangedException("this promotion was ended by another node meanwhile");
        }
        await RaiseAsync(connection, key, new(await NextEpochAsync(connection, cancel), promotion, site.Name), cancel);
        await ExecuteAsync(connection, """
            update site set role = 'primary', follows = null, comparing = null, paused = false;
            update repository set paused = false where paused;
            delete from worker;
            update repository set state = 0, worker_id = null, claim_token = nextval('claim_token') where state = 1;
            delete from waiting_deletion;
            delete from outage;
            """, cancel);
        await OpenLogAsync(connection, promotion, cancel);
        await AuditLog.WriteAsync(connection, by, "promote", null, site.Name, $"promotion {promotion}", cancel);
    }, cancel);

    /// <summary>This site becomes a secondary of another, or follows another primary than before; first it compares what it holds.</summary>
    /// <param name="promotion">The term of the primary to follow.</param>
    public Task FollowAsync(string primary, Guid promotion, string by, CancellationToken cancel) => InTransactionAsync(async connection =>
    {
        var site = await LockAsync(connection, cancel);
        if (!site.IsPrimary && site.Promotion == promotion)
            return;
        if (primary == site.Name)
            throw new RoleChangedException($"{site.Name} cannot follow itself");
        await using (var update = new NpgsqlCommand("update site set role = 'secondary', follows = $1, term = $2, comparing = coalesce(comparing, $3), handover = null", connection))
        {
            update.Parameters.Add(new() { Value = primary });
            update.Parameters.Add(new() { Value = promotion });
            update.Parameters.Add(new() { Value = site.IsPrimary ? "registry" : "inventory" });
            await update.ExecuteNonQueryAsync(cancel);
        }
        // A cursor is of one log; what waits was named by that log's events, and no event of the new one may lose against them.
        await ExecuteAsync(connection, """
            delete from worker;
            delete from cursor;
            delete from outage;
            delete from peer_fingerprint;
            delete from peer_position;
            delete from waiting_deletion;
            update repository set state = 0, worker_id = null, claim_token = nextval('claim_token') where state = 1;
            update waiting_reference set event_id = 0 where event_id <> 0;
            """, cancel);
        if (site.IsPrimary)
            // What is here is what the inventory says, and waits for nothing: only the comparison says what is wanted.
            await ExecuteAsync(connection, """
                delete from waiting_reference;
                delete from failure;
                insert into repository (name, state, full_wanted, full_done, pending_since)
                select repository, 2, 1, 1, null from tag group by repository
                on conflict (name) do update set state = 2, full_done = repository.full_wanted, retry_count = 0, retry_at = null, pending_since = null;
                update repository set state = 2, full_done = full_wanted, retry_count = 0, retry_at = null, pending_since = null where state <> 2;
                """, cancel);
        await AuditLog.WriteAsync(connection, by, "follow", null, primary, $"promotion {promotion}", cancel);
    }, cancel);

    /// <summary>(secondary) Under which term the primary lives that it follows anyway.</summary>
    public Task LearnAsync(Guid promotion, CancellationToken cancel) => InTransactionAsync(async connection =>
    {
        await using var update = new NpgsqlCommand("update site set term = $1 where role = 'secondary' and term is null", connection);
        update.Parameters.Add(new() { Value = promotion });
        await update.ExecuteNonQueryAsync(cancel);
    }, cancel);

    /// <summary>(primary) Its clients are fenced for a planned promotion, or not any more.</summary>
    public async Task HandOverAsync(Guid? promotion, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"with done as (update site set handover = $1 where role = 'primary') select pg_notify('{Site.Channel}', '')");
        command.Parameters.Add(new() { Value = (object?)promotion ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Uuid });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>(primary) In a conflict of two promotions, an operator chose this site: a higher epoch of the same log ends it.</summary>
    /// <exception cref="RoleChangedException"/>
    public Task RaiseAgainAsync(SiteKey key, string by, CancellationToken cancel) => InTransactionAsync(async connection =>
    {
        var site = await LockAsync(connection, cancel);
        if (!site.IsPrimary)
            throw new RoleChangedException($"{site.Name} is a secondary; choose on the primary that is to stay");
        var term = new TermClaims(await NextEpochAsync(connection, cancel), Guid.NewGuid(), site.Name);
        await RaiseAsync(connection, key, term, cancel);
        await AuditLog.WriteAsync(connection, by, "term chosen", null, site.Name, $"epoch {term.Epoch}", cancel);
    }, cancel);

    private async Task RaiseAsync(NpgsqlConnection connection, SiteKey key, TermClaims term, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("""
            with raised as (insert into term (promotion, epoch, site, signed) values ($1, $2, $3, $4))
            update site set term = $1, handover = null
            """, connection);
        command.Parameters.Add(new() { Value = term.Promotion });
        command.Parameters.Add(new() { Value = term.Epoch });
        command.Parameters.Add(new() { Value = term.Site });
        command.Parameters.Add(new() { Value = TermToken.Sign(key, term, time.GetUtcNow()) });
        await command.ExecuteNonQueryAsync(cancel);
    }

    // The lock of appends, so that no event of the old log comes behind the new one's first.
    private static async Task OpenLogAsync(NpgsqlConnection connection, Guid promotion, CancellationToken cancel)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new(LogAppender.TakeLock),
                new("""
                    insert into event (key, kind, repository, source_event_id) values ($1, $2, '', $3)
                    """)
                {
                    Parameters =
                    {
                        new() { Value = BitConverter.ToInt64(RandomNumberGenerator.GetBytes(8)) }, new() { Value = EventKinds.Term },
                        new() { Value = $"term:{promotion}" },
                    },
                },
                new("""
                    insert into log (id, floor) select gen_random_uuid(), max(id) from event
                    on conflict (only_row) do update set id = excluded.id, floor = excluded.floor, beat_at = clock_timestamp()
                    """),
                new("""
                    insert into inventory_position (event_id) select max(id) from event
                    on conflict (only_row) do update set event_id = excluded.event_id
                    """),
                new($"notify {LogAppender.Channel}"),
            },
        };
        await batch.ExecuteNonQueryAsync(cancel);
    }

    private async Task InTransactionAsync(Func<NpgsqlConnection, Task> change, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await change(connection);
        await ExecuteAsync(connection, $"notify {Site.Channel}", cancel);
        await transaction.CommitAsync(cancel);
    }

    private static async Task<Site> LockAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            "select s.name, s.role, s.paused, own.epoch, own.promotion from site s left join term own on own.promotion = s.term for update of s", connection);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        if (!await reader.ReadAsync(cancel))
            throw new RoleChangedException("this site was never started: start `geodr serve` once");
        return new(reader.GetString(0), reader.GetString(1), reader.GetBoolean(2))
        { Epoch = reader.IsDBNull(3) ? 0 : reader.GetInt64(3), Promotion = reader.IsDBNull(4) ? null : reader.GetGuid(4) };
    }

    private static async Task<long> NextEpochAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("select coalesce(max(epoch), 0) + 1 from term", connection);
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancel);
    }
}
