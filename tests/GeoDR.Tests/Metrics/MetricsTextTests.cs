using GeoDR.Metrics;
using GeoDR.Sites;
using GeoDR.Status;

namespace GeoDR.Tests.Metrics;

public sealed class MetricsTextTests
{
    [Fact]
    public void Text_WithAnyWord_IsReadBackAsItWas()
    {
        const string Hostile = "a\"b\\c\nd{e}=,ü \\n";
        var text = new MetricsText()
            .Gauge("plain", "help with \\ and \n line", 1.5)
            .Gauge("unknown", "left out", null)
            .Gauge("none", "left out too", "l", [])
            .Gauge("labelled", "help", "l", [(Hostile, 1e300), ("x", double.PositiveInfinity), ("y", -0.25)])
            .Counter("count_total", "help", 9_007_199_254_740_991).ToString();
        var samples = MetricsParser.Parse(text);
        Assert.Equal([("plain", 1.5), ("labelled", 1e300), ("labelled", double.PositiveInfinity), ("labelled", -0.25), ("count_total", 9_007_199_254_740_991)], samples.Select(s => (s.Name, s.Value)));
        Assert.Equal(Hostile, samples[1].Labels["l"]);
    }

    [Fact]
    public void Site_WithTargetsByPattern_NamesNoRepository()
    {
        var loss = new LossSummary(3, null, long.MaxValue, 1, null, null, false, true, 0, null)
        {
            Targets = [new(null, "age", 1, null, true, null, true), new("hidden/project", "age", 1, 0, false, null, false), new("hidden/project", "bytes", 1, 5, true, 4, false), new("b", "bytes", 1, 5, true, 4, false)],
        };
        var site = new SiteStatus(
            "hö\"re", Site.Secondary, "1", 0, false, "healthy", [], new(1, 2, 3, 4), null, null, null, 0, 0, 0, null, 0, 1, [], [],
            [new("berlin", Site.Primary, null, 1, DateTimeOffset.UnixEpoch, null)], DateTimeOffset.UnixEpoch) { Loss = loss };
        var text = new MetricsText();
        SiteMetrics.Write(text, site, new(0, 0, [("held", 2)], [("log", 1)], [], 2, [("too large", 3)]), ["webhook"]);
        Assert.DoesNotContain("hidden", text.ToString(), StringComparison.Ordinal);
        var samples = MetricsParser.Parse(text.ToString());
        Assert.Equal(
            ["age site 1", "age rule-1 0", "bytes rule-1 1", "bytes rule-2 1"],
            samples.Where(s => s.Name == "geodr_target_passed").Select(s => $"{s.Labels["kind"]} {s.Labels["scope"]} {s.Value}"));
        Assert.Equal(2, samples.Single(s => s.Name == "geodr_deletions" && s.Labels["state"] == "held").Value);
        Assert.Equal(double.PositiveInfinity, samples.Single(s => s.Name == "geodr_loss_window_seconds").Value);
        Assert.Equal("hö\"re", samples.Single(s => s.Name == "geodr_site_info").Labels["site"]);
    }
}
