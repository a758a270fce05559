using GeoDR.Core.Tests.Postgres;
using GeoDR.EventLog;
using GeoDR.Retention;

namespace GeoDR.Core.Tests.Retention;

/// <summary>What each rule removes, and what it leaves.</summary>
public sealed class RetentionRulesTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private static readonly RetentionTimes s_times = new() { AttemptsPerRepository = 3, QuarantineBytes = 100_000 };

    private async Task<IReadOnlyList<(string Table, long Removed)>> RunAsync() =>
        (await new RetentionPass(Database.Source, RetentionRules.For(s_times, new LogLimits()), TimeProvider.System).RunAsync(Stop))!;

    [Fact]
    public async Task Run_OldAndYoungRowsOfEachTable_RemovesTheOldOnes()
    {
        await Database.ExecuteAsync("""
            create function old(days integer) returns timestamptz language sql as $$ select now() - make_interval(days => days) $$;
            insert into repository (name) values ('a');
            insert into attempt (repository_id, node, started_at, ended_at, bytes, requests, outcome)
                select id, 'n', old(d), old(d), 1, 1, 'synced' from repository, unnest(array[31, 31, 29]) d;
            insert into quarantine (body_hash, body, truncated, problems, last_at) values ('1', 'x', false, '{}', old(91)), ('2', 'x', false, '{}', old(89));
            insert into request (kind, scope, status, created_by, created_at, finished_at)
                values ('resync', 'all', 'done', 'x', old(99), old(91)), ('resync', 'all', 'running', 'x', old(99), null), ('resync', 'all', 'done', 'x', old(99), old(89));
            insert into damage (repository_id, subject, kind, detail, reference, found_at, healed_at)
                select id, s, 'k', 'd', 't', old(99), h from repository, (values ('1', old(91)), ('2', null), ('3', old(89))) as v(s, h);
            insert into registry_instance (id, last_seen_at) values ('gone', old(91)), ('here', old(1));
            insert into upload (repository, digest, location, sent, updated_at) values ('a', '1', 'x', 1, old(15)), ('a', '2', 'x', 1, old(13));
            insert into divergent_write (source_event_id, kind, repository, received_at) values ('1', 'push', 'a', old(401)), ('2', 'push', 'a', old(399));
            insert into audit (at, who, what, repository, reference, event_id) values (old(401), 'geodr', 'deleted', 'a', 'v1', 6), (old(399), 'geodr', 'deleted', 'a', 'v2', 7);
            insert into waiting_deletion (repository_id, reference, recorded_at, state, hold) select id, 'v3', old(999), 'held', 'brake' from repository;
            """);
        var removed = await RunAsync();
        Assert.Equal(
            [("attempt", 2L), ("quarantine", 1L), ("request", 1L), ("damage", 1L), ("registry_instance", 1L), ("upload", 1L), ("divergent_write", 1L), ("audit", 1L)],
            removed);
        Assert.Equal(7, await Database.ScalarAsync<long>("select event_id from audit"));
        Assert.Equal(1, await Database.ScalarAsync<long>("select count(*) from waiting_deletion"));
        Assert.Empty(await RunAsync());
    }

    [Fact]
    public async Task Run_OldComparisons_GoWithTheirFindings_ButTheLastThatEndedWellStays()
    {
        await Database.ExecuteAsync("""
            insert into reconcile_run (reason, status, wanted_at, started_at, finished_at)
                select 'schedule', s, now() - d * interval '1 day', now() - d * interval '1 day', now() - d * interval '1 day'
                from (values (300, 'done'), (200, 'done'), (150, 'failed'), (10, 'failed')) as v(d, s);
            insert into reconcile_finding (run_id, repository, reference, kind)
                select r.id, 'a', 't' || i, 'missed' from reconcile_run r, generate_series(1, 2500) i;
            """);
        await RunAsync();
        // The runs go when their findings have gone before them.
        await RunAsync();
        Assert.Equal([2L, 4L], await Database.ColumnAsync<long>("select id from reconcile_run order by id"));
        Assert.Equal([2L, 4L], await Database.ColumnAsync<long>("select distinct run_id from reconcile_finding order by run_id"));
    }

    [Fact]
    public async Task Run_ManyAttemptsOfOneRepository_KeepsTheNewest()
    {
        await Database.ExecuteAsync("""
            insert into repository (name) select 'r' || i from generate_series(1, 250) i;
            insert into attempt (repository_id, node, started_at, bytes, requests, outcome)
                select r.id, 'n', now(), i, 1, 'failed' from repository r, generate_series(1, 4) i;
            insert into attempt (repository_id, node, started_at, bytes, requests, outcome)
                select 120, 'n', now(), i, 1, 'failed' from generate_series(5, 5000) i;
            """);
        Assert.Equal([("attempt", 250L + 4996)], await RunAsync());
        Assert.Equal([4998L, 4999L, 5000L], await Database.ColumnAsync<long>("select bytes from attempt where repository_id = 120 order by bytes"));
        Assert.Equal(750L, await Database.ScalarAsync<long>("select count(*) from attempt"));
    }

    [Fact]
    public async Task Run_TooManyBytesInQuarantine_KeepsTheNewest()
    {
        await Database.ExecuteAsync("""
            insert into quarantine (body_hash, body, truncated, problems)
            select i::text, convert_to(string_agg(md5(i::text || j), ''), 'UTF8'), false, '{}' from generate_series(1, 20) i, generate_series(1, 625) j group by i order by min(i)
            """);
        Assert.Equal([("quarantine", 15L)], await RunAsync());
        Assert.Equal(["16", "17", "18", "19", "20"], await Database.ColumnAsync<string>("select body_hash from quarantine order by id"));
    }
}
