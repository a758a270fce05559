using GeoDR.Dashboard.Overview;
using GeoDR.Dashboard.TakeOver;
using GeoDR.Failover;
using GeoDR.Readiness;
using GeoDR.Sites;
using GeoDR.Status;

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
        var rows = SiteRows.Of(new("madrid", Site.Primary, false) { Epoch = 2 }, Status("madrid", peers), known, terms, s_at);
        Assert.Equal(["berlin", "madrid", "paris", "stranger"], rows.Select(r => r.Name));
        Assert.Equal(["replaced by madrid in epoch 2", "", "revoked", "its key is not known here"], rows.Select(r => string.Join("; ", r.Notes)));
        Assert.Equal([1L, 2L, null, null], rows.Select(r => r.Epoch));
        Assert.Equal(["https://berlin.example/", null, null, "http://stranger.example/"], rows.Select(r => r.Url));
    }

    [Fact]
    public void Sites_InConflict_AreBothNamed()
    {
        var rows = SiteRows.Of(
            new("berlin", Site.Primary, false) { Epoch = 2, Rival = "madrid" }, Status("berlin", [new Peer("madrid", Site.Primary, null, null, s_at, null)]),
            [Known("berlin", null), Known("madrid", null)], [Term(2, "madrid"), Term(2, "berlin")], s_at);
        Assert.Equal(["fenced; in conflict", "in conflict"], rows.Select(r => string.Join("; ", r.Notes)));
    }

    [Fact]
    public void Sites_AtThePrimary_ShowLagByItsLogAndPercentOfItsInventory_AndNameTheFreshest()
    {
        Peer Heard(string name, long at, long synced, TimeSpan ago) => new(
            name, Site.Secondary, null, at, s_at - ago,
            new(name, Site.Secondary, null, "berlin", "1", null, at, new Dictionary<string, long> { ["synced"] = synced, ["started"] = 1 }, "degraded")
            { Figures = new(["a <script> failed"], false, 0, 0, 12, 3, 4096, 9, new(1.5, 2048), synced, 1, 2, 1) });
        var status = Status("berlin", [Heard("madrid", 90, 9, TimeSpan.FromSeconds(5)), Heard("paris", 99, 10, TimeSpan.FromSeconds(61)), Heard("rome", 95, 10, default)]) with
        {
            Log = new(Guid.Empty, 100, 1, null, 0, 0), Reconcile = new(null, 10, 10, null),
        };
        var rows = SiteRows.Of(new("berlin", Site.Primary, false), status, [Known("madrid", null), Known("paris", null), Known("rome", null)], [], s_at);
        Assert.Equal(["berlin", "madrid", "paris", "rome"], rows.Select(r => r.Name));
        Assert.Equal([null, 10L, 1L, 5L], rows.Select(r => r.LagEvents));
        Assert.Equal([null, 90, 100, (double?)100], rows.Select(r => r.SyncedPercent));
        // The one with the least lag is silent: nobody knows how it is.
        Assert.Equal(("offline", true), (rows[2].Health, rows[2].Notes[0].StartsWith("not heard since", StringComparison.Ordinal)));
        Assert.Equal(["rome"], rows.Where(r => r.IsFreshest).Select(r => r.Name));
        Assert.Contains(("Throughput, 5 min", "1.5 per min, 2 KiB/s"), SiteWords.Facts(rows[1]));
        Assert.Contains("a <script> failed", SiteWords.Why(rows[1]));
    }

    [Fact]
    public void Figures_OfAHostileSite_AreCutToWhatIsShown()
    {
        var told = new SiteFigures([.. Enumerable.Repeat(new string('x', 5000), 100), null!], false, null, null, null, 0, 0, null, null, null, null, 0, 0);
        var taken = SiteFigures.Take(told)!;
        Assert.Equal((12, 301), (taken.Reasons.Count, taken.Reasons[0].Length));
        Assert.Null(SiteFigures.Take(told with { Reasons = null! }));
        Assert.Null(SiteFigures.Take(null));
    }

    private static SiteStatus Status(string name, IReadOnlyList<Peer> peers) =>
        new(name, Site.Primary, "1", 0, false, "healthy", [], new(0, 0, 0, 0), null, null, null, 0, 0, 0, null, 0, 0, [], [], peers, s_at);

    private static KnownSite Known(string name, string? url) => new(name, url, "pem", true, false, "settings", null);

    private static KnownTerm Term(long epoch, string site) => new(epoch, Guid.NewGuid(), site, "", s_at, null);
}
