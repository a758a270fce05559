using GeoDR.EventLog;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.SyncState;

/// <summary>Writes what a page of events means into the tracking tables, in the caller's transaction.</summary>
public static class Marking
{
    /// <summary>The channel that wakes workers; one notification for each pass.</summary>
    public const string Channel = "geo_work";

    /// <summary>While an event is younger than this, a registry that disagrees with it is asked again.</summary>
    public static readonly TimeSpan LinkPatience = TimeSpan.FromMinutes(1);

    /// <summary>Above this many waiting references a full sync is cheaper, and the table stays small.</summary>
    public const int CollapseAbove = 1000;

    /// <summary>Marks repositories pending with the references that changed, and records deletions.</summary>
    /// <param name="eventOnly">Repositories for which a first event asks for no full sync.</param>
    public static async Task MarkAsync(NpgsqlConnection connection, IReadOnlyList<LoggedEvent> events, Func<string, bool> eventOnly, CancellationToken cancel)
    {
        if (events.Count == 0)
            return;
        // The newest event of each reference decides; sorted, so that two passes lock rows in one order.
        var newest = events
            .GroupBy(e => (e.Repository, Reference: e.Tag ?? e.Digest!))
            .Select(g => g.MaxBy(e => e.Id)!)
            .OrderBy(e => e.Repository, StringComparer.Ordinal).ThenBy(e => e.Tag ?? e.Digest, StringComparer.Ordinal)
            .ToList();
        // A push is as old as the primary has it; of several of one reference none is here yet, so the oldest counts.
        var oldest = events.Where(e => e.Kind == EventKinds.Push).GroupBy(e => (e.Repository, e.Tag ?? e.Digest!)).ToDictionary(g => g.Key, g => g.Max(e => e.Age));
        var pushes = newest.Where(e => e.Kind == EventKinds.Push).ToList();
        var deletes = newest.Where(e => e.Kind == EventKinds.Delete).ToList();
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(Repositories(newest.Select(e => e.Repository).Distinct(), pushes.Select(e => e.Repository).ToHashSet(), eventOnly));
        if (pushes.Count > 0)
            batch.BatchCommands.Add(References(pushes, [.. pushes.Select(e => oldest[(e.Repository, e.Tag ?? e.Digest!)])]));
        if (pushes.Count > 0)
            batch.BatchCommands.Add(Undelete(pushes));
        if (deletes.Count > 0)
            AddDeletes(batch, deletes);
        batch.BatchCommands.Add(Collapse(pushes.Select(e => e.Repository).Distinct()));
        batch.BatchCommands.Add(new NpgsqlBatchCommand($"notify {Channel}"));
        await batch.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Marks references of one repository to be looked at again, here and at the primary, in the caller's transaction.</summary>
    public static async Task RecheckAsync(NpgsqlConnection connection, long repositoryId, IReadOnlyCollection<string> references, CancellationToken cancel)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new("""
                    insert into waiting_reference as w (repository_id, reference, event_id, recheck_at)
                    select $1, reference, 0, clock_timestamp() from unnest($2) as r(reference) order by reference
                    on conflict (repository_id, reference) do update set
                        recheck_at = clock_timestamp(), not_before = least(w.not_before, clock_timestamp()), taken_event = null
                    """)
                { Parameters = { new() { Value = repositoryId }, Texts(references) } },
                new("""
                    update repository set state = case when state = 1 then 1 else 0 end, retry_at = null,
                        pending_since = case when state in (2, 3) then clock_timestamp() else pending_since end
                    where id = $1
                    """)
                { Parameters = { new() { Value = repositoryId } } },
                new($"notify {Channel}"),
            },
        };
        await batch.ExecuteNonQueryAsync(cancel);
    }

    // A started row stays started: its references are found when its work ends, under the same row lock.
    private static NpgsqlBatchCommand Repositories(IEnumerable<string> names, HashSet<string> pushed, Func<string, bool> eventOnly)
    {
        return new("""
            insert into repository (name, priority, state, full_wanted)
            select name, 0, 0, case when name = any ($3) then 0 else 1 end from unnest($1) as changed(name) order by name
            on conflict (name) do update set
                state = case when repository.state = 1 or not (excluded.name = any ($2)) then repository.state else 0 end,
                priority = case when excluded.name = any ($2) then 0 else repository.priority end,
                retry_at = case when excluded.name = any ($2) then null else repository.retry_at end,
                pending_since = case when repository.state in (2, 3) then clock_timestamp() else repository.pending_since end
            """)
        {
            Parameters =
            {
                Texts(names),
                Texts(pushed),
                Texts(pushed.Where(eventOnly)),
            },
        };
    }

    private static NpgsqlBatchCommand References(List<LoggedEvent> pushes, TimeSpan[] ages) =>
        new("""
            insert into waiting_reference as w (repository_id, reference, event_id, digest, bytes, fresh_until, since)
            select r.id, p.reference, p.event_id, p.digest, p.bytes, clock_timestamp() + p.fresh, clock_timestamp() - p.age
            from unnest($1, $2, $3, $4, $5, $6, $7) as p(repository, reference, event_id, digest, bytes, fresh, age)
            join repository r on r.name = p.repository
            order by r.id, p.reference
            on conflict (repository_id, reference) do update set
                event_id = excluded.event_id, digest = excluded.digest, bytes = excluded.bytes, fresh_until = excluded.fresh_until,
                not_before = clock_timestamp(), tries = 0, failed = false,
                since = case when w.event_id = 0 then excluded.since else least(w.since, excluded.since) end
            where w.event_id < excluded.event_id
            """)
        {
            Parameters =
            {
                Texts(pushes.Select(e => e.Repository)),
                Texts(pushes.Select(e => e.Tag ?? e.Digest!)),
                new() { Value = pushes.Select(e => e.Id).ToArray() },
                Texts(pushes.Select(e => e.Digest)),
                new() { Value = pushes.Select(e => e.Bytes).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint },
                new() { Value = pushes.Select(e => LinkPatience - e.Age).ToArray() },
                new() { Value = ages },
            },
        };

    private static NpgsqlBatchCommand Undelete(List<LoggedEvent> pushes) =>
        new("""
            delete from waiting_deletion d using unnest($1, $2) as p(repository, reference), repository r
            where r.name = p.repository and d.repository_id = r.id and d.reference = p.reference
            """)
        {
            Parameters = { Texts(pushes.Select(e => e.Repository)), Texts(pushes.Select(e => e.Tag ?? e.Digest!)) },
        };

    // A second event means that it came back in between and was deleted again: its quarantine begins anew.
    private static void AddDeletes(NpgsqlBatch batch, List<LoggedEvent> deletes)
    {
        var repositories = deletes.Select(e => e.Repository).ToArray();
        var references = deletes.Select(e => e.Tag ?? e.Digest!).ToArray();
        batch.BatchCommands.Add(new("""
            insert into waiting_deletion as d (repository_id, reference, event_id)
            select r.id, p.reference, p.event_id from unnest($1, $2, $3) as p(repository, reference, event_id)
            join repository r on r.name = p.repository
            on conflict (repository_id, reference) do update set event_id = excluded.event_id,
                recorded_at = case when d.event_id is null or d.state = 'kept' then d.recorded_at else clock_timestamp() end,
                state = case when d.event_id is null or d.state = 'kept' then d.state else 'seen' end
            where d.event_id is distinct from excluded.event_id
            """)
        {
            Parameters = { Texts(repositories), Texts(references), new() { Value = deletes.Select(e => e.Id).ToArray() } },
        });
        // What was deleted since is not waited for, unless a worker is at it now.
        batch.BatchCommands.Add(new("""
            delete from waiting_reference w using unnest($1, $2) as p(repository, reference), repository r
            where r.name = p.repository and w.repository_id = r.id and w.reference = p.reference and w.claim_token is null
            """)
        {
            Parameters = { Texts(repositories), Texts(references) },
        });
    }

    private static NpgsqlBatchCommand Collapse(IEnumerable<string> repositories) =>
        new("""
            with many as (
                select w.repository_id as id from waiting_reference w join repository r on r.id = w.repository_id
                where r.name = any ($1) group by w.repository_id having count(*) > $2),
            gone as (
                delete from waiting_reference w using many where w.repository_id = many.id and w.claim_token is null)
            update repository r set full_wanted = nextval('claim_token') + 1, full_not_before = null from many where r.id = many.id
            """)
        {
            Parameters = { Texts(repositories), new() { Value = CollapseAbove } },
        };

    private static NpgsqlParameter Texts(IEnumerable<string?> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };
}
