using GeoDR.Core.Tests.Postgres;
using GeoDR.SyncState;

namespace GeoDR.Core.Tests.SyncState;

/// <summary>How slots are shared between fresh pushes and backfill, and what an engine with a queue of its own is offered.</summary>
public sealed class SharingTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    [Theory]
    // slots, used, backfills under way, fresh waiting, backfill waiting; what is taken of each
    [InlineData(8, 0, 0, 100, 100, 7, 1)]
    [InlineData(8, 0, 0, 3, 100, 3, 5)]
    [InlineData(8, 0, 0, 0, 100, 0, 7)]
    [InlineData(8, 6, 6, 0, 100, 0, 1)]
    [InlineData(8, 7, 7, 100, 100, 1, 0)]
    [InlineData(8, 8, 0, 100, 100, 0, 0)]
    [InlineData(1, 0, 0, 0, 100, 0, 1)]
    [InlineData(1, 0, 0, 5, 100, 1, 0)]
    public async Task Fill_LeavesRoomForBoth(int slots, int used, int backfills, int fresh, int backfill, int takenFresh, int takenBackfill)
    {
        var taken = new int[2];
        var any = await Sharing.FillAsync(slots, used, backfills, (priority, atMost) =>
        {
            var some = Math.Min(atMost, (priority == Transition.Fresh ? fresh : backfill) - taken[priority]);
            taken[priority] += some;
            return Task.FromResult(some);
        });
        Assert.Equal((takenFresh, takenBackfill), (taken[Transition.Fresh], taken[Transition.Backfill]));
        Assert.Equal(takenFresh + takenBackfill > 0, any);
    }

    [Fact]
    public async Task Offer_ThatNobodyTakesUp_IsMadeAgainAndTheClaimEndsIt()
    {
        await Database.ExecuteAsync("insert into repository (name, priority) values ('a', 0), ('b', 1)");
        var worker = Guid.NewGuid();
        await Database.ExecuteAsync($"insert into worker (id, node, slots, lease_until) values ('{worker}', 'node', 8, clock_timestamp() + interval '5 minutes')");
        var offers = new JobOffers(Database.Source, TimeSpan.FromSeconds(10));
        var (id, name) = Assert.Single(await offers.OfferAsync(Transition.Fresh, 5, Stop));
        Assert.Equal("a", name);
        Assert.Empty(await offers.OfferAsync(Transition.Fresh, 5, Stop));
        Assert.Equal(new SlotUse(8, 1, 0), await offers.ReadAsync(Stop));
        // The queue lost it.
        await Database.ExecuteAsync("update job_offer set offered_at = clock_timestamp() - interval '11 seconds'");
        Assert.Equal(new SlotUse(8, 0, 0), await offers.ReadAsync(Stop));
        Assert.Single(await offers.OfferAsync(Transition.Fresh, 5, Stop));

        var claims = new Claims(Database.Source);
        Assert.NotNull(await claims.ClaimPendingAsync(worker, id, Stop));
        Assert.Null(await claims.ClaimPendingAsync(worker, id, Stop));
        Assert.Equal(0L, await Database.ScalarAsync<long>("select count(*) from job_offer"));
        Assert.Single(await offers.OfferAsync(Transition.Backfill, 5, Stop));
        Assert.Equal(new SlotUse(8, 2, 1), await offers.ReadAsync(Stop));
    }
}
