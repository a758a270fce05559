using GeoDR.SyncState;
using Npgsql;

namespace GeoDR.Verification;

/// <summary>The queue of checks: what is due, what is claimed under a worker's lease, what is asked for.</summary>
public sealed class Checks(NpgsqlDataSource source)
{
    // After a sync the check waits for a quiet moment, at most so long: first everything comes, then it is looked at.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    /// <summary>Marks the rows that could not be checked and are to be tried again now; few at a time.</summary>
    public async Task<int> RetryDueAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            with locked as (
                select repository_id from verification where state = 3 and retry_at <= clock_timestamp() order by retry_at limit 20 for update skip locked)
            update verification v set state = 0, retry_at = null, pending_since = clock_timestamp()
            from locked where v.repository_id = locked.repository_id
            """);
        return await command.ExecuteNonQueryAsync(cancel);
    }

    // Somebody waits, or a repair does.
    private const string Asked = "(v.asked_at is not null or v.healing) order by v.asked_at, v.pending_since";

    private const string Quiet = """
        not exists (select from repository where state = 1)
            and not exists (select from repository where state = 0 and (retry_at is null or retry_at <= clock_timestamp()))
        """;

    private const string Later =
        $"not s.paused and ($4 or v.slice_open) and v.pending_since < (select case when {Quiet} then 'infinity' else clock_timestamp() - $3 end) order by v.pending_since";

    /// <summary>Claims a row whose sync has nothing to do; null where there is none, the site is paused or the registry is out.</summary>
    /// <param name="deep">Only deep checks, or only the others: a long one never keeps the short ones waiting.</param>
    /// <param name="automatic">False: only what is asked for, by hand or by a schedule's run.</param>
    public async Task<ClaimedCheck?> ClaimAsync(Guid worker, bool deep, bool automatic, CancellationToken cancel) =>
        await ClaimAsync(worker, deep, Asked, automatic, cancel) ?? await ClaimAsync(worker, deep, Later, automatic, cancel);

    private async Task<ClaimedCheck?> ClaimAsync(Guid worker, bool deep, string which, bool automatic, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var command = new NpgsqlCommand($"""
            with picked as (
                select v.repository_id from verification v join repository r on r.id = v.repository_id cross join site s
                where v.state = 0 and v.is_deep = $2 and s.role = 'secondary' and s.comparing is null
                  and exists (select from worker where id = $1 and lease_until > clock_timestamp())
                  and not exists (select from outage where peer = 'own registry')
                  -- While the primary is away a row may stay pending for long, and its copy is what matters.
                  and (r.state in (2, 3) or r.state = 0 and (s.paused or exists (select from outage where peer = 'primary registry')))
                  and {which} limit 1 for update of v skip locked)
            update verification v set state = 1, worker_id = $1, claim_token = nextval('claim_token'), began_at = clock_timestamp(),
                again = false, wish = 0, retry_at = null,
                -- What was found once is looked for in everything, and so is what was never looked at.
                doing = case when v.wish = 0 and (v.whole_at is null or exists (
                    select from damage d where d.repository_id = v.repository_id and d.healed_at is null)) then 1 else v.wish end
            from picked join repository r on r.id = picked.repository_id where v.repository_id = picked.repository_id
            returning v.repository_id, r.name, v.claim_token, v.doing, v.checked_from - interval '1 minute'
            """, connection);
        command.Parameters.Add(new() { Value = worker });
        command.Parameters.Add(new() { Value = deep });
        if (which == Later)
        {
            command.Parameters.Add(new() { Value = s_patience });
            command.Parameters.Add(new() { Value = automatic });
        }
        (long Id, string Name, long Token, CheckScope Scope, DateTimeOffset? Since) row;
        await using (var reader = await command.ExecuteReaderAsync(cancel))
        {
            if (!await reader.ReadAsync(cancel))
                return null;
            row = (reader.GetInt64(0), reader.GetString(1), reader.GetInt64(2), (CheckScope)reader.GetInt16(3),
                reader.IsDBNull(4) ? null : reader.GetFieldValue<DateTimeOffset>(4));
        }
        await using var open = new NpgsqlCommand("select subject from damage where repository_id = $1 and healed_at is null", connection)
        { Parameters = { new() { Value = row.Id } } };
        var suspects = new HashSet<string>(StringComparer.Ordinal);
        await using (var reader = await open.ExecuteReaderAsync(cancel))
            while (await reader.ReadAsync(cancel))
                suspects.Add(reader.GetString(0));
        return new(row.Id, row.Name, row.Token, row.Scope, row.Scope == CheckScope.Changed ? row.Since : null, suspects);
    }

    /// <summary>Frees what workers had whose lease has ended.</summary>
    public async Task<int> FreeDeadAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            with dead as (
                select repository_id from verification v
                where state = 1 and not exists (select from worker w where w.id = v.worker_id and w.lease_until > clock_timestamp())
                for update skip locked)
            update verification v set state = 0, worker_id = null, claim_token = nextval('claim_token'), wish = greatest(v.wish, v.doing)
            from dead where v.repository_id = dead.repository_id
            """);
        return await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Frees what a worker has of one kind.</summary>
    public async Task FreeAsync(Guid worker, bool deep, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            update verification set state = 0, worker_id = null, claim_token = nextval('claim_token'), wish = greatest(wish, doing)
            where state = 1 and worker_id = $1 and (doing = 2) = $2
            """);
        command.Parameters.Add(new() { Value = worker });
        command.Parameters.Add(new() { Value = deep });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Gives a row back unchecked: shutdown, or an outage.</summary>
    public async Task HandBackAsync(ClaimedCheck claim, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            update verification set state = 0, worker_id = null, wish = greatest(wish, doing) where repository_id = $1 and claim_token = $2 and state = 1
            """);
        command.Parameters.Add(new() { Value = claim.Id });
        command.Parameters.Add(new() { Value = claim.Token });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Marks the rows that match for a check before all others. What was given up is tried again.</summary>
    /// <param name="name">Only this one.</param>
    /// <returns>How many, and the mark by which <see cref="WaitingAsync"/> knows them.</returns>
    public async Task<(long Marked, DateTimeOffset Mark)> AskAsync(string? name, RowFilter filter, bool deep, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        // A repository that was never synced has no row yet. Its own row is locked first, as the end of a sync does it.
        await using (var missing = new NpgsqlCommand { Connection = connection })
        {
            missing.CommandText = $"""
                insert into verification (repository_id) select id from (
                    select r.id from repository r where {Matches(name, filter, missing.Parameters)} and not exists (select from verification v where v.repository_id = r.id)
                    order by r.id for key share of r) n
                on conflict do nothing
                """;
            await missing.ExecuteNonQueryAsync(cancel);
        }
        await using var command = new NpgsqlCommand { Connection = connection };
        command.Parameters.Add(new() { Value = (short)(deep ? CheckScope.Deep : CheckScope.Whole) });
        command.CommandText = $"""
            with mark as (select clock_timestamp() as at),
            wanted as (
                select v.repository_id as id from verification v join repository r on r.id = v.repository_id where {Matches(name, filter, command.Parameters)}
                order by v.repository_id for update of v),
            anew as (update damage d set tries = 0 from wanted where d.repository_id = wanted.id and d.healed_at is null),
            marked as (
                update verification v set wish = greatest(v.wish, $1), asked_at = mark.at, again = v.state = 1,
                    state = case when v.state = 1 then 1 else 0 end, retry_at = null,
                    pending_since = case when v.state in (2, 3) then clock_timestamp() else v.pending_since end
                from wanted, mark where v.repository_id = wanted.id
                returning 1)
            select (select count(*) from marked), at from mark
            """;
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return (reader.GetInt64(0), reader.GetFieldValue<DateTimeOffset>(1));
    }

    /// <summary>How many of the rows marked then are not checked yet.</summary>
    public async Task<long> WaitingAsync(DateTimeOffset mark, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select count(*) from verification where asked_at = $1");
        command.Parameters.Add(new() { Value = mark });
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    /// <summary>What the checks since a mark looked at, and of which repositories nothing can be said.</summary>
    /// <param name="filter">Of what a check itself does not change.</param>
    public async Task<(long Repositories, CheckCounts Counts, IReadOnlyList<string> NotChecked)> OutcomeAsync(
        string? name, RowFilter filter, DateTimeOffset mark, CancellationToken cancel)
    {
        await using var command = source.CreateCommand();
        command.Parameters.Add(new() { Value = mark });
        command.CommandText = $"""
            select count(*), coalesce(sum(v.tags), 0)::bigint, coalesce(sum(v.manifests), 0)::bigint, coalesce(sum(v.blobs), 0)::bigint,
                coalesce(sum(v.bytes), 0)::bigint, coalesce(sum(v.requests), 0)::bigint,
                coalesce(array_agg(r.name || ': ' || v.failure order by r.name) filter (where v.retry_at is not null and v.failure is not null), array[]::text[])
            from verification v join repository r on r.id = v.repository_id
            where {Matches(name, filter, command.Parameters)} and (v.checked_at >= $1 or v.retry_at is not null and v.began_at >= $1)
            """;
        await using var row = await command.ExecuteReaderAsync(cancel);
        await row.ReadAsync(cancel);
        return (row.GetInt64(0), new(row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4), row.GetInt64(5)), row.GetFieldValue<string[]>(6));
    }

    private static string Matches(string? name, RowFilter filter, NpgsqlParameterCollection parameters)
    {
        var matches = filter.Sql(parameters);
        if (name is null)
            return matches;
        parameters.Add(new() { Value = name.Replace("\0", "", StringComparison.Ordinal) });
        return $"{matches} and r.name = ${parameters.Count}";
    }
}
