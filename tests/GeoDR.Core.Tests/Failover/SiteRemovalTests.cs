using GeoDR.Core.Tests.Postgres;
using GeoDR.Failover;
using GeoDR.Sites;

namespace GeoDR.Core.Tests.Failover;

/// <summary>A site that takes part no more is forgotten, and nothing of another is.</summary>
public sealed class SiteRemovalTests(PostgresFixture postgres) : DatabaseTest(postgres, "primary")
{
    private SiteBook Book => new(Database.Source);

    private PeerStore Peers => new(Database.Source);

    private SiteRemoval Removal => new(Database.Source);

    [Fact]
    public async Task Remove_ForgetsTheSiteAndWhatWaitsForIt()
    {
        foreach (var name in new[] { "paris", "rome" })
        {
            await Book.JoinAsync(Of(name, "joined"), Stop);
            await Peers.HeardAsync(Beat(name), Stop);
        }

        var tag = new DivergentTag("paris", "a", "v1", "sha256:1", "sha256:2", default, null, null, null, null, null);
        await new DivergentTags(Database.Source).FoundAsync([tag, tag with { Site = "rome" }], Stop);
        var plan = await Removal.PlanAsync("paris", Stop);
        Assert.Equal((1L, null), (plan.Undecided, plan.Refusal));
        Assert.NotNull(plan.LastHeardAt);
        await Removal.RemoveAsync(plan, "tester", Stop);

        Assert.Equal(["rome"], (await Book.ListAsync(Stop)).Select(s => s.Name));
        Assert.Equal(["rome"], (await Peers.ListAsync(Stop)).Select(p => p.Name));
        Assert.Equal("rome", Assert.Single(await new DivergentTags(Database.Source).ListAsync(true, ("", "", ""), 10, Stop)).Site);
        Assert.Equal("paris", await Database.ScalarAsync<string>("select reference from audit where what = 'removed' and who = 'tester'"));
        Assert.Contains("not known here", (await Removal.PlanAsync("paris", Stop)).Refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Remove_WhatWouldComeBackOrBreak_IsRefusedWithTheMend()
    {
        var own = await Database.ScalarAsync<string>("select name from site") ?? "";
        await Book.SetAsync([Of("paris", "settings")], Stop);
        await Assert.ThrowsAsync<RoleChangedException>(async () => await Removal.RemoveAsync(await Removal.PlanAsync("paris", Stop), "tester", Stop));
        Assert.Contains("Geo:Peers:paris", (await Removal.PlanAsync("paris", Stop)).Refusal, StringComparison.Ordinal);
        Assert.Contains("this site itself", (await Removal.PlanAsync(own, Stop)).Refusal, StringComparison.Ordinal);
        Assert.Contains("not known here", (await Removal.PlanAsync("a\0b", Stop)).Refusal, StringComparison.Ordinal);
        await Book.JoinAsync(Of("rome", "joined"), Stop);
        await Database.ExecuteAsync("update site set role = 'secondary', follows = 'rome'");
        Assert.Contains("This site follows rome", (await Removal.PlanAsync("rome", Stop)).Refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TellAll_ForgetsWhatThePrimaryNamesNoMore_AndNothingThatIsKnownOtherwise()
    {
        await Book.SetAsync([Of("berlin", "settings")], Stop);
        await Book.JoinAsync(Of("rome", "joined"), Stop);
        await Book.TellAllAsync("berlin", [Of("paris", "told"), Of("oslo", "told"), Of("lima", "told")], Stop);
        await Peers.HeardAsync(Beat("paris"), Stop);
        await Book.RevokeAsync("lima", Stop);
        await Book.TellAllAsync("berlin", [Of("oslo", "told")], Stop);
        // Who was revoked stays known as that.
        Assert.Equal(["berlin", "lima", "oslo", "rome"], (await Book.ListAsync(Stop)).Select(s => s.Name));
        Assert.Empty(await Peers.ListAsync(Stop));
    }

    private static KnownSite Of(string name, string source) => new(name, null, null, true, false, source, null);

    private static Heartbeat Beat(string name) => new(name, "secondary", null, "berlin", "1", null, null, new Dictionary<string, long>(), "healthy");
}
