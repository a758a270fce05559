using System.Text.RegularExpressions;
using GeoDR.Core.Tests.EventLog;
using GeoDR.Core.Tests.Postgres;
using GeoDR.EventLog;
using GeoDR.Status;
using GeoDR.SyncState;

namespace GeoDR.Core.Tests.Status;

/// <summary>Events, failures and workers as they are listed.</summary>
public sealed partial class ListsTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    [Fact]
    public async Task Events_AfterAnIdOrTheNewest_ComeInOrder()
    {
        await new LogAppender(Database.Source).AppendAsync([.. Events.Many("a", 5), Events.Push("b", null, bytes: null), Events.Delete("a", "t1")], [], Stop);
        var list = new EventList(Database.Source);
        Assert.Equal([3L, 4L], (await list.ListAsync(2, 2, Stop)).Select(e => e.Id));
        var newest = await list.NewestAsync(EventFilter.None, 2, Stop);
        Assert.Equal([("delete", "a", "t1", null), ("push", "b", null, (long?)null)], newest.Select(e => (e.Kind, e.Repository, e.Tag, e.Bytes)));
        Assert.Empty(await list.ListAsync(long.MaxValue, 10, Stop));
        Assert.Equal([7L, 5L], (await list.NewestAsync(EventFilter.From(" a ", "neither", null), 2, Stop)).Select(e => e.Id));
        Assert.Equal([5L, 4L], (await list.NewestAsync(EventFilter.From("a", "push", 7), 2, Stop)).Select(e => e.Id));
        Assert.Equal([6L, 5L], (await list.NewestAsync(new(null, "push", null), 2, Stop)).Select(e => e.Id));
        Assert.Empty(await list.NewestAsync(EventFilter.From("'; drop table event; --", null, null), 2, Stop));
    }

    [Fact]
    public async Task Failures_OfSeveralCauses_AreGroupedAndRetriedByCause()
    {
        await Database.ExecuteAsync("""
            insert into repository (name, state, retry_at) select 'r' || i, 3, 'infinity' from generate_series(1, 450) i;
            insert into failure (repository_id, reference, kind, cause, message, failed_at)
                select id, 'v1', 'terminal', case when id <= 400 then 'too large' else 'denied' end, 'of ' || name, clock_timestamp() + make_interval(secs => id) from repository;
            insert into failure (repository_id, reference, kind, cause, message) values (1, 'v2', 'terminal', 'too large', 'older')
            """);
        var groups = await new FailureGroups(Database.Source).ListAsync(Stop);
        Assert.Equal([("too large", 401L, 400L, "r400"), ("denied", 50L, 50L, "r450")], groups.Select(g => (g.Cause, g.References, g.Repositories, g.Example.Repository)));

        var requests = new Requests(Database.Source);
        Assert.Equal(400, await requests.ResyncCauseAsync("too large", "anna", Stop));
        Assert.Equal(0, await requests.ResyncCauseAsync("'; drop table failure; --", "anna", Stop));
        Assert.Equal(400L, await Database.ScalarAsync<long>("select count(*) from repository where state = 0 and retry_at is null and full_wanted > full_done"));
        Assert.Equal(50L, await Database.ScalarAsync<long>("select count(*) from repository where state = 3"));
        Assert.Equal(["anna retried 400 repositories that failed with: too large"], await Database.ColumnAsync<string>("select concat_ws(' ', who, what, detail) from audit"));
    }

    [Fact]
    public void Failures_EachCauseThatTheSyncNames_HasAMendOfItsOwn()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "GeoDR.sln")))
            folder = folder.Parent;
        var source = File.ReadAllText(Path.Combine(folder.FullName, "src", "GeoDR.Core", "Sync", "Failures.cs"));
        var causes = Causes().Matches(source).Select(m => m.Groups[1].Value).Where(c => c is not "unexpected").Distinct().ToList();
        Assert.True(causes.Count >= 14, string.Join(", ", causes));
        var other = FailureGroups.WhatToDo("something else");
        Assert.All(causes, cause => Assert.NotEqual(other, FailureGroups.WhatToDo(cause)));
    }

    [Fact]
    public async Task Workers_AliveAndDead_ShowWhatTheyHaveInHand()
    {
        await Database.ExecuteAsync($"""
            insert into worker (id, node, slots, lease_until) values ('{Guid.Empty}', 'alive', 8, 'infinity'), (gen_random_uuid(), 'dead', 4, clock_timestamp() - interval '1 minute');
            insert into repository (name, state, worker_id) values ('a', 1, '{Guid.Empty}'), ('b', 1, '{Guid.Empty}'), ('c', 0, null)
            """);
        var workers = await new WorkerList(Database.Source).ListAsync(Stop);
        Assert.Equal([("alive", 8, 2L, true), ("dead", 4, 0L, false)], workers.Select(w => (w.Node, w.Slots, w.Started, w.LeaseSecondsLeft > 0)));
    }

    [GeneratedRegex("(?:Kind\\.\\w+, |=> |[?:] )\"([a-z ]+)\"")]
    private static partial Regex Causes();
}
