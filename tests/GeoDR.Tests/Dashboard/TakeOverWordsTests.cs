using GeoDR.Dashboard.TakeOver;
using GeoDR.Failover;
using GeoDR.Readiness;
using GeoDR.Sites;

namespace GeoDR.Tests.Dashboard;

public sealed class TakeOverWordsTests
{
    private static readonly DateTimeOffset s_at = DateTimeOffset.UnixEpoch;

    [Theory]
    [InlineData("pass pass", "pass", "Yes: all 2 checks pass.")]
    [InlineData("warn pass", "warn", "Yes, with 1 warning.")]
    [InlineData("warn fail fail", "fail", "Not as it is: 2 checks fail.")]
    public void Verdict_GoesByTheWorst(string states, string state, string words) =>
        Assert.Equal((state, words), TakeOverWords.Verdict(new("madrid", s_at, [.. states.Split(' ').Select(s => new PreflightCheck("x", s, "", null))])));

    [Fact]
    public void Verdict_BeforeTheFirstCheck_ClaimsNothing() => Assert.Equal(("unknown", "Not checked yet."), TakeOverWords.Verdict(null));

    [Fact]
    public void Sites_SayWhoWasReplaced_AndLinkToPagesOnly()
    {
        var known = new[] { Known("berlin", "https://berlin.example"), Known("madrid", "https://madrid.example"), Known("paris", "javascript:alert(1)") with { Revoked = true } };
        var peers = new[] { new Peer("berlin", Site.Primary, null, null, s_at, null), new Peer("stranger", Site.Secondary, "http://stranger.example", 3, s_at, null) };
        var terms = new[] { Term(2, "madrid"), Term(1, "berlin"), Term(9, "paris") with { Rejected = "its site was revoked" } };
        var rows = SiteRows.Of(new("madrid", Site.Primary, false) { Epoch = 2 }, "healthy", known, peers, terms);
        Assert.Equal(["berlin", "madrid", "paris", "stranger"], rows.Select(r => r.Name));
        Assert.Equal(["replaced by madrid in epoch 2", "", "revoked", "its key is not known here"], rows.Select(r => string.Join("; ", r.Notes)));
        Assert.Equal([1L, 2L, null, null], rows.Select(r => r.Epoch));
        Assert.Equal(["https://berlin.example/", null, null, "http://stranger.example/"], rows.Select(r => r.Url));
    }

    [Fact]
    public void Sites_InConflict_AreBothNamed()
    {
        var rows = SiteRows.Of(
            new("berlin", Site.Primary, false) { Epoch = 2, Rival = "madrid" }, "unhealthy", [Known("berlin", null), Known("madrid", null)],
            [new Peer("madrid", Site.Primary, null, null, s_at, null)], [Term(2, "madrid"), Term(2, "berlin")]);
        Assert.Equal(["fenced; in conflict", "in conflict"], rows.Select(r => string.Join("; ", r.Notes)));
    }

    private static KnownSite Known(string name, string? url) => new(name, url, "pem", true, false, "settings", null);

    private static KnownTerm Term(long epoch, string site) => new(epoch, Guid.NewGuid(), site, "", s_at, null);
}
