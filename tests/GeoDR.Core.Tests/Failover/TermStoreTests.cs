using GeoDR.Core.Tests.Postgres;
using GeoDR.Failover;
using GeoDR.Sites;
using GeoDR.Tokens;

namespace GeoDR.Core.Tests.Failover;

/// <summary>Which terms count at a site, and what they make of it.</summary>
public sealed class TermStoreTests(PostgresFixture postgres) : DatabaseTest(postgres, "primary")
{
    private static readonly DateTimeOffset s_now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    private readonly SiteKey _own = SiteKey.Create();
    private readonly SiteKey _madrid = SiteKey.Create();
    private readonly SiteKey _stranger = SiteKey.Create();

    private SiteBook Book => new(Database.Source);

    private TermStore Terms => new(Database.Source, Book);

    [Fact]
    public async Task Hear_OfAKnownSite_FencesThePrimary()
    {
        await KnowAsync();
        await new RoleChange(Database.Source, TimeProvider.System).BeginAsync(_own, Stop);
        Assert.Equal((1L, null), await StandingAsync());
        var jws = TermToken.Sign(_madrid, new(2, Guid.NewGuid(), "madrid"), s_now);
        Assert.Equal(new TermHeard(true, null), await Terms.HearAsync(jws, Stop));
        Assert.Equal(default, await Terms.HearAsync(jws, Stop));
        Assert.Equal((1L, "madrid"), await StandingAsync());
        Assert.True((await new SiteStore(Database.Source).ReadAsync(Stop))!.IsFenced);
        Assert.Equal([jws], await Terms.NewestAsync(Stop));
    }

    [Fact]
    public async Task Hear_AnotherPromotionInTheSameEpoch_IsAConflictUntilOneIsRejected()
    {
        await KnowAsync();
        await new RoleChange(Database.Source, TimeProvider.System).BeginAsync(_own, Stop);
        var rival = Guid.NewGuid();
        await Terms.HearAsync(TermToken.Sign(_madrid, new(1, rival, "madrid"), s_now), Stop);
        var site = (await new SiteStore(Database.Source).ReadAsync(Stop))!;
        Assert.Equal(("madrid", true), (site.Rival, site.IsFenced));
        Assert.Equal(2, (await Terms.NewestAsync(Stop)).Count);
        Assert.True(await Terms.RejectAsync(rival, "anna", "an operator chose", Stop));
        Assert.False((await new SiteStore(Database.Source).ReadAsync(Stop))!.IsFenced);
        Assert.False(await Terms.RejectAsync(rival, "anna", "again", Stop));
    }

    [Fact]
    public async Task Hear_WhatDoesNotCount_IsRefusedWithTheReason()
    {
        await KnowAsync();
        await Book.SetAsync([Of("madrid", _madrid), Of("paris", _stranger) with { MayPromote = false }], Stop);
        var term = new TermClaims(2, Guid.NewGuid(), "madrid");
        Assert.Contains("no term", await RefusedAsync("x"), StringComparison.Ordinal);
        Assert.Contains("no term", await RefusedAsync(new string('x', 5000)), StringComparison.Ordinal);
        Assert.Contains("no term", await RefusedAsync(SiteToken.Create(_madrid, "madrid", "berlin", "GET", "/", [], s_now)), StringComparison.Ordinal);
        Assert.Contains("not known here", await RefusedAsync(TermToken.Sign(_stranger, term with { Site = "rome" }, s_now)), StringComparison.Ordinal);
        Assert.Contains("not signed by", await RefusedAsync(TermToken.Sign(_stranger, term, s_now)), StringComparison.Ordinal);
        Assert.Contains("no right to promote", await RefusedAsync(TermToken.Sign(_stranger, term with { Site = "paris" }, s_now)), StringComparison.Ordinal);
        Assert.Contains("too far ahead", await RefusedAsync(TermToken.Sign(_madrid, term with { Epoch = long.MaxValue }, s_now)), StringComparison.Ordinal);
        Assert.Contains("no term", await RefusedAsync(TermToken.Sign(_madrid, term with { Epoch = 0 }, s_now)), StringComparison.Ordinal);
        var taken = TermToken.Sign(_madrid, term, s_now);
        await Terms.HearAsync(taken, Stop);
        Assert.Contains("another signature", await RefusedAsync(TermToken.Sign(_madrid, term with { Epoch = 3 }, s_now)), StringComparison.Ordinal);
        Assert.True(await new Revocation(Database.Source).RevokeAsync("madrid", "tester", Stop));
        Assert.Contains("was revoked", await RefusedAsync(TermToken.Sign(_madrid, term with { Promotion = Guid.NewGuid(), Epoch = 4 }, s_now)), StringComparison.Ordinal);
        Assert.Empty(await Terms.NewestAsync(Stop));
        Assert.False(await new Revocation(Database.Source).RevokeAsync("nobody", "tester", Stop));
    }

    private Task KnowAsync() => Book.SetAsync([Of("madrid", _madrid)], Stop);

    private static KnownSite Of(string name, SiteKey key) => new KnownSite(name, null, key.PublicPem, true, false, "settings", null);

    private async Task<string> RefusedAsync(string jws)
    {
        var heard = await Terms.HearAsync(jws, Stop);
        Assert.False(heard.IsNew);
        return heard.Refused!;
    }

    private async Task<(long, string?)> StandingAsync()
    {
        var site = (await new SiteStore(Database.Source).ReadAsync(Stop))!;
        return (site.Epoch, site.NewerSite);
    }
}
