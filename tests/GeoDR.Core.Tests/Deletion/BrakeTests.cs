using GeoDR.Core.Tests.Postgres;
using GeoDR.Deletion;

namespace GeoDR.Core.Tests.Deletion;

public sealed class BrakeTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private static readonly BrakeLimit s_share = BrakeLimit.OfShare(0.05);

    private Brake Brake => new(Database.Source);

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await Database.ExecuteAsync("""
            insert into repository (name) values ('a');
            insert into tag (repository, name, digest) select 'a', 't' || i, 'sha256:' || i from generate_series(1, 100) i;
            """);
    }

    [Fact]
    public async Task Brake_WithinTheShare_LetsThrough()
    {
        await ConfirmAsync(1, 5);
        Assert.False(await Brake.RunOnceAsync(s_share, Stop));
        Assert.Equal(["approved 5"], await CountsAsync());
    }

    [Fact]
    public async Task Brake_OneMore_HoldsAll_WhatFollowsToo_UntilReleased()
    {
        await ConfirmAsync(1, 6);
        Assert.True(await Brake.RunOnceAsync(s_share, Stop));
        Assert.Equal(["held 6"], await CountsAsync());
        await ConfirmAsync(7, 7);
        Assert.False(await Brake.RunOnceAsync(s_share, Stop));
        Assert.Equal(["held 7"], await CountsAsync());
        Assert.Contains("6 tags of 100", await Database.ScalarAsync<string>("select detail from audit where what = 'braked'"), StringComparison.Ordinal);

        Assert.Equal(7, await new Deletions(Database.Source).ReleaseAsync(new(All: true, Hold: Holds.Brake), "ann", Stop));
        Assert.False(await Brake.RunOnceAsync(s_share, Stop));
        Assert.Equal(["approved 7"], await CountsAsync());
        // What was released does not use up the hour.
        await ConfirmAsync(8, 10);
        await Brake.RunOnceAsync(s_share, Stop);
        Assert.Equal(["approved 10"], await CountsAsync());
    }

    [Fact]
    public async Task Brake_OfASmallSite_LetsAHandfulThrough_ButNotMore()
    {
        await Database.ExecuteAsync("delete from tag where name > 't18'; insert into tag (repository, name, digest) values ('b', 'last', 'sha256:0')");
        var tags = await Database.ScalarAsync<long>("select count(*) from tag");
        Assert.InRange(tags, 10, 12);
        await ConfirmAsync(10, 14);
        Assert.False(await Brake.RunOnceAsync(s_share, Stop));
        await ConfirmAsync(15, 15);
        Assert.True(await Brake.RunOnceAsync(s_share, Stop));
        Assert.Equal(["held 6"], await CountsAsync());
    }

    [Fact]
    public async Task Brake_CountsTheHour_AndWhatAListingLacksByNow()
    {
        await Database.ExecuteAsync("""
            insert into audit (who, what, repository, reference) select 'geodr', 'deleted', 'a', 'old' || i from generate_series(1, 4) i;
            insert into audit (who, what, repository, reference) select 'ann', 'deleted', 'a', 'said' || i from generate_series(1, 50) i;
            """);
        await ConfirmAsync(1, 1);
        await Brake.RunOnceAsync(BrakeLimit.OfCount(5), Stop);
        Assert.Equal(["approved 1"], await CountsAsync());
        await ConfirmAsync(2, 2);
        Assert.True(await Brake.RunOnceAsync(BrakeLimit.OfCount(5), Stop));
        Assert.Equal(["held 2"], await CountsAsync());

        await Database.ExecuteAsync("delete from waiting_deletion; update audit set at = at - interval '61 minutes'");
        await ConfirmAsync(1, 1);
        await Database.ExecuteAsync("""
            insert into waiting_deletion (repository_id, reference, state, until, missed_at) select id, 't' || i, 'quarantined', now(), now()
            from repository, generate_series(10, 60) i
            """);
        Assert.True(await Brake.RunOnceAsync(s_share, Stop));
        Assert.Equal(["held 1", "quarantined 51"], await CountsAsync());
    }

    [Fact]
    public async Task Brake_OfManyManifests_CountsThemApart()
    {
        await Database.ExecuteAsync("insert into manifest (repository, digest) select 'a', 'sha256:' || i from generate_series(1, 100) i");
        await Database.ExecuteAsync("insert into waiting_deletion (repository_id, reference, state) select id, 'sha256:' || i, 'confirmed' from repository, generate_series(1, 6) i");
        Assert.True(await Brake.RunOnceAsync(s_share, Stop));
        Assert.Equal(["held 6"], await CountsAsync());
    }

    [Fact]
    public async Task Brake_EightNodesAtOnce_LetOneLimitThrough()
    {
        for (var round = 0; round < 3; round++)
        {
            await ConfirmAsync((round * 3) + 1, (round * 3) + 3);
            await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Brake.RunOnceAsync(s_share, Stop)));
        }
        Assert.Equal(["held 9"], await CountsAsync());
    }

    private Task ConfirmAsync(int from, int to) => Database.ExecuteAsync($"""
        insert into waiting_deletion (repository_id, reference, event_id, state, confirmed_at, missed_at)
        select id, 't' || i, i, 'confirmed', now(), now() from repository, generate_series({from}, {to}) i
        """);

    private Task<List<string>> CountsAsync() => Database.ColumnAsync<string>("select state || ' ' || count(*) from waiting_deletion group by state order by state");
}
