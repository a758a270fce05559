using GeoDR.Core.Tests.Postgres;
using GeoDR.Failover;
using GeoDR.Sites;
using GeoDR.Tokens;

namespace GeoDR.Core.Tests.Failover;

/// <summary>Invitations as a line, and as their maker keeps them.</summary>
public sealed class InvitationTests(PostgresFixture postgres) : DatabaseTest(postgres, "primary")
{
    private const string Name = "paris";

    private Invitations Invitations => new(Database.Source);

    private SiteBook Book => new(Database.Source);

    [Fact]
    public void Line_IsReadAsItWasWritten_AndNothingElseIs()
    {
        using var key = SiteKey.Create();
        var made = new Invitation(Guid.NewGuid(), Name, "berlin", "https://berlin.example", key.PublicPem, [1, 2, 3], TimeProvider.System.GetUtcNow());
        Assert.True(Invitation.TryParse($"  {made}\n", out var read));
        Assert.Equal((made.Id, made.Name, made.Site, made.Url, made.PublicKey, made.Until), (read.Id, read.Name, read.Site, read.Url, read.PublicKey, read.Until));
        Assert.Equal(made.Secret, read.Secret);
        var line = made.ToString();
        foreach (var other in new[] { "", "geodr", line[..^9], line[1..], "geodr-invitation-1-bnVsbA", "geodr-invitation-1-e30", "geodr-invitation-1-€", line.Replace("-1-", "-2-", StringComparison.Ordinal), line + new string('A', 9000) })
            Assert.False(Invitation.TryParse(other, out _), other);
    }

    [Fact]
    public void Mac_HoldsForItsSecretAndTextAlone()
    {
        var mac = Invitation.Mac([1], "text");
        Assert.True(Invitation.MacHolds([1], "text", mac));
        Assert.False(Invitation.MacHolds([2], "text", mac));
        Assert.False(Invitation.MacHolds([1], "texts", mac));
        Assert.False(Invitation.MacHolds([1], "text", ""));
        Assert.False(Invitation.MacHolds([1], "text", mac[..^1] + "é"));
    }

    [Fact]
    public async Task Use_Once_MakesTheSiteKnown_AndAgainForTheSameKeyAlone()
    {
        var (made, _) = await Invitations.NewAsync(Name, false, "anna", Stop);
        var found = (await Invitations.FindAsync(made.Id, Stop))!;
        Assert.Equal(made.Secret, found.Secret);
        Assert.Equal(JoinResult.Joined, await Invitations.UseAsync(found, "key", "https://paris.example", null, Stop));
        Assert.Equal(new KnownSite(Name, "https://paris.example", "key", false, false, "joined", null), await Book.FindAsync(Name, Stop));
        Assert.Equal(JoinResult.Joined, await Invitations.UseAsync(found, "key", "https://elsewhere.example", null, Stop));
        Assert.Equal(JoinResult.Ended, await Invitations.UseAsync(found, "other", null, null, Stop));
        Assert.Equal("https://paris.example", (await Book.FindAsync(Name, Stop))!.Url);
        Assert.Equal(["invited by anna", "joined by paris"], await Database.ColumnAsync<string>("select what || ' by ' || who from audit order by id"));
    }

    [Fact]
    public async Task Use_ByManyKeysAtOnce_LetsOneIn()
    {
        var (made, _) = await Invitations.NewAsync(Name, true, "anna", Stop);
        var results = await Task.WhenAll(Enumerable.Range(0, 12).Select(n => Invitations.UseAsync(made, $"key{n}", null, null, Stop)));
        Assert.Single(results, r => r == JoinResult.Joined);
    }

    [Fact]
    public async Task Invitation_ThatEndedOrWasReplaced_IsNone()
    {
        var (first, _) = await Invitations.NewAsync(Name, true, "anna", Stop);
        var (second, until) = await Invitations.NewAsync(Name, true, "anna", Stop);
        Assert.InRange(until - TimeProvider.System.GetUtcNow(), TimeSpan.FromMinutes(14), TimeSpan.FromMinutes(16));
        Assert.Null(await Invitations.FindAsync(first.Id, Stop));
        Assert.Equal(JoinResult.Ended, await Invitations.UseAsync(first, "key", null, null, Stop));
        await Database.ExecuteAsync("update invitation set expires_at = now() - interval '1 second'");
        Assert.Null(await Invitations.FindAsync(second.Id, Stop));
        Assert.Equal(JoinResult.Ended, await Invitations.UseAsync(second, "key", null, null, Stop));
        Assert.Null(await Book.FindAsync(Name, Stop));
    }

    [Fact]
    public async Task Revocation_EndsWhatWasInvitedBefore_AndAnInvitationAfterItLetsInAgain()
    {
        var (used, _) = await Invitations.NewAsync(Name, true, "anna", Stop);
        Assert.Equal(JoinResult.Joined, await Invitations.UseAsync(used, "key", null, null, Stop));
        var (open, _) = await Invitations.NewAsync(Name, true, "anna", Stop);
        Assert.True(await new Revocation(Database.Source).RevokeAsync(Name, "anna", Stop));
        Assert.Equal(JoinResult.Ended, await Invitations.UseAsync(used, "key", null, null, Stop));
        Assert.Equal(JoinResult.Ended, await Invitations.UseAsync(open, "key", null, null, Stop));
        Assert.True((await Book.FindAsync(Name, Stop))!.Revoked);
        var (again, _) = await Invitations.NewAsync(Name, true, "anna", Stop);
        Assert.Equal(JoinResult.Joined, await Invitations.UseAsync(again, "new key", null, null, Stop));
        Assert.False((await Book.FindAsync(Name, Stop))!.Revoked);
    }

    [Fact]
    public async Task JoinedSite_ThatTheSettingsName_StaysWhenTheyNameItNoMore()
    {
        var (made, _) = await Invitations.NewAsync(Name, true, "anna", Stop);
        await Invitations.UseAsync(made, "key", "https://paris.example", null, Stop);
        await Book.SetAsync([new(Name, null, null, true, false, "settings", null)], Stop);
        await Book.SetAsync([], Stop);
        Assert.Equal("key", (await Book.FindAsync(Name, Stop))?.PublicKey);
    }

    [Fact]
    public async Task Call_IsTheFirstOnce()
    {
        var seen = new SeenCalls(Database.Source);
        Assert.True(await seen.IsFirstAsync("one", Stop));
        Assert.False(await seen.IsFirstAsync("one", Stop));
        Assert.True(await seen.IsFirstAsync("two", Stop));
        foreach (var jti in new[] { null, "", "a b", "a\0", new string('a', 65) })
            Assert.False(await seen.IsFirstAsync(jti, Stop));
        await Database.ExecuteAsync("update seen_call set forget_at = now() - interval '1 second'");
        Assert.True(await seen.IsFirstAsync("three", Stop));
        Assert.Equal(1L, await Database.ScalarAsync<long>("select count(*) from seen_call"));
    }
}
