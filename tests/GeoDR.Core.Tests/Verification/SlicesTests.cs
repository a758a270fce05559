using GeoDR.Core.Tests.Postgres;
using GeoDR.Verification;

namespace GeoDR.Core.Tests.Verification;

/// <summary>A part for each run, so that the parts together cover everything in time.</summary>
public sealed class SlicesTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private static readonly TimeSpan s_week = TimeSpan.FromDays(7);
    private static readonly TimeSpan s_part = TimeSpan.FromHours(6);

    private Slices Slices => new(Database.Source);

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        // 280 repositories, all looked at in one night two days ago, the first of them first.
        await Database.ExecuteAsync("""
            insert into repository (name, state) select 'r' || lpad(i::text, 3, '0'), 2 from generate_series(1, 280) i;
            insert into verification (repository_id, state, wish, whole_at, deep_from)
            select id, 2, 0, clock_timestamp() - interval '2 days' + id * interval '1 minute', clock_timestamp() from repository
            """);
    }

    [Fact]
    public async Task Mark_OneNightsRows_AreSpreadOverTheTime()
    {
        Assert.Equal(10, await MarkAsync(1));
        Assert.Equal("r010", await Database.ScalarAsync<string>("select max(name) from repository r join verification v on v.repository_id = r.id where v.state = 0"));
        await CheckedAsync("bytes = 5");
        Assert.Equal(new(0, 10, 0, 50), await Slices.ReadAsync(1, Stop));
        Assert.Equal(10, await MarkAsync(2));
        Assert.Equal("r020", await Database.ScalarAsync<string>("select max(name) from repository r join verification v on v.repository_id = r.id where v.state = 0"));
    }

    [Fact]
    public async Task Mark_WhatIsDueBeforeTheNext_IsAllOfIt()
    {
        await Database.ExecuteAsync("update verification set whole_at = whole_at - interval '4 days 23 hours' where repository_id % 2 = 0");
        Assert.Equal(140, await MarkAsync(1));
        Assert.Equal(0, await Database.ScalarAsync<long>("select count(*) from verification where is_deep"));
        Assert.Equal(280, await EverythingAsync(TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public async Task Mark_WhatAnEarlierRunLeft_GoesOnInThisOne()
    {
        await MarkAsync(1);
        Assert.Equal(20, await MarkAsync(2));
        Assert.Equal(0, (await Slices.ReadAsync(1, Stop)).Rows);
        Assert.Equal(10, await MarkAsync(3, deep: true));
        Assert.Equal(20, (await Slices.ReadAsync(2, Stop)).Open);
    }

    [Fact]
    public async Task Claim_OfASlice_NeedsNoAutomatic()
    {
        var checks = new Checks(Database.Source);
        var worker = Guid.NewGuid();
        await Database.ExecuteAsync($"insert into worker (id, node, slots, lease_until) values ('{worker}', 'node', 8, clock_timestamp() + interval '5 minutes')");
        await Database.ExecuteAsync("update verification set state = 0, wish = 1 where repository_id = (select max(repository_id) from verification)");
        Assert.Null(await checks.ClaimAsync(worker, deep: false, automatic: false, Stop));
        await MarkAsync(1);
        var claim = (await checks.ClaimAsync(worker, deep: false, automatic: false, Stop))!;
        await new CheckResults(Database.Source).BrokeAsync(claim, "500", Stop);
        claim = (await checks.ClaimAsync(worker, deep: false, automatic: false, Stop))!;
        await new CheckResults(Database.Source).FinishAsync(claim, new([], new HashSet<string>(), [], new(1, 1, 1, 7, 1), true), Stop);
        Assert.Equal(new(8, 1, 1, 7), await Slices.ReadAsync(1, Stop));
    }

    private async Task<long> MarkAsync(long slice, bool deep = false)
    {
        await using var connection = await Database.Source.OpenConnectionAsync(Stop);
        return await Slices.MarkAsync(connection, slice, deep, s_week, s_part, Stop);
    }

    private async Task<long> EverythingAsync(TimeSpan every, TimeSpan period)
    {
        await using var connection = await Database.Source.OpenConnectionAsync(Stop);
        return await Slices.MarkAsync(connection, 9, deep: false, every, period, Stop);
    }

    private Task CheckedAsync(string more) =>
        Database.ExecuteAsync($"update verification set state = 2, whole_at = clock_timestamp(), slice_open = false, {more} where state = 0");
}
