using GeoDR.Core.Tests.Postgres;
using GeoDR.Failover;
using GeoDR.Inventory;
using GeoDR.SyncState;

namespace GeoDR.Core.Tests.Failover;

/// <summary>What only one site has, and what an operator says to it.</summary>
public sealed class DivergentTagsTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private DivergentTags Tags => new(Database.Source);

    [Fact]
    public async Task Found_IsKept_UntilItsDecisionIsDone_AndAnewWhenItsContentChanged()
    {
        var own = await Database.ScalarAsync<string>("select name from site") ?? "";
        var tag = new DivergentTag(own, "a", "v1", "sha256:1", "sha256:2", default, null, null, null, null, null);
        await Tags.FoundAsync([tag, tag with { Site = "other", Tag = "v2" }], Stop);
        var store = new InventoryStore(Database.Source);
        Assert.True((await store.LookUpAsync("a", "v1", "sha256:2", Stop)).IsKept);
        // What another site has is no reason to keep anything here.
        Assert.False((await store.LookUpAsync("a", "v2", "sha256:2", Stop)).IsKept);

        Assert.Equal(0, await Tags.DecideAsync("nobody", null, null, DivergentTags.Take, "tester", Stop));
        Assert.Equal(1, await Tags.DecideAsync(own, "a", "v1", DivergentTags.Drop, "tester", Stop));
        var decided = Assert.Single(await Tags.DecidedAsync(10, Stop));
        await Tags.FoundAsync([tag], Stop);
        Assert.Single(await Tags.DecidedAsync(10, Stop));
        await Tags.DoneAsync(decided, "the registry does not answer", Stop);
        Assert.True((await store.LookUpAsync("a", "v1", "sha256:2", Stop)).IsKept);
        await Tags.DoneAsync(decided, null, Stop);
        Assert.False((await store.LookUpAsync("a", "v1", "sha256:2", Stop)).IsKept);
        Assert.Equal(1, await Tags.CountOpenAsync(Stop));
        await Tags.FoundAsync([tag with { Digest = "sha256:3" }], Stop);
        Assert.Equal(2, await Tags.CountOpenAsync(Stop));
        Assert.Empty(await Tags.DecidedAsync(10, Stop));
    }

    [Fact]
    public async Task Decided_WhatCannotBeCarriedOut_KeepsNothingUp_AndWhatMovedIsAskedAgain()
    {
        var tag = new DivergentTag("paris", "a", "v1", "sha256:1", null, default, null, null, null, null, null);
        await Tags.FoundAsync([tag, tag with { Tag = "v2" }], Stop);
        await Tags.DecideAsync("paris", "a", "v1", DivergentTags.Take, "tester", Stop);
        await Tags.DecideAsync("paris", "a", "v2", DivergentTags.Take, "tester", Stop);
        await Tags.DoneAsync(tag, "the registry does not answer", Stop);
        Assert.Equal(["v2", "v1"], (await Tags.DecidedAsync(10, Stop)).Select(t => t.Tag));
        Assert.Equal("v2", Assert.Single(await Tags.DecidedAsync(1, Stop)).Tag);

        await Tags.MovedAsync(tag with { Tag = "v2" }, "sha256:2", Stop);
        Assert.Equal("v1", Assert.Single(await Tags.DecidedAsync(10, Stop)).Tag);
        var open = (await Tags.ListAsync(open: true, ("", "", ""), 10, Stop)).Single(t => t.Tag == "v2");
        Assert.Equal(("sha256:2", null), (open.Other, open.Decision));
        Assert.NotNull(open.Problem);
    }

    [Fact]
    public async Task Reference_ThatIsGoneAtThePrimary_LeavesACandidateForWhatStoodHereBefore()
    {
        await Database.ExecuteAsync("""
            insert into tag (repository, name, digest) values ('a', 'v1', 'sha256:old');
            insert into repository (name) values ('a');
            insert into waiting_reference (repository_id, reference, event_id, digest) select id, r, 5, 'sha256:new' from repository, unnest(array['v1', 'v2']) as r;
            insert into worker (id, node, slots, lease_until) values (gen_random_uuid(), 'n', 1, now() + interval '1 minute');
            """);
        var worker = await Database.ScalarAsync<Guid>("select id from worker");
        var claim = Assert.Single(await new Claims(Database.Source).ClaimAsync(worker, Transition.Backfill, 1, Stop));
        var references = new References(Database.Source);
        foreach (var reference in await references.TakeDueAsync(claim, Stop))
            await references.GoneAsync(claim, reference, Stop);
        Assert.Equal(["v1"], await Database.ColumnAsync<string>("select reference from waiting_deletion"));
        Assert.Equal(0L, await Database.ScalarAsync<long>("select count(*) from waiting_reference"));
    }
}
