using GeoDR.Configuration;
using GeoDR.Dashboard.Overview;
using GeoDR.Sites;
using GeoDR.Status;
using GeoDR.SyncState;

namespace GeoDR.Tests.Dashboard;

/// <summary>What a fresh site says is to be done next, and that it gives away no secret with it.</summary>
public sealed class FirstStepsTests
{
    private static readonly DateTimeOffset s_now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    private static readonly GeoSettings s_settings = new()
    {
        SiteName = "berlin", Role = "primary", Database = "Host=db", SiteUrl = new("https://geodr.berlin.example"), Secrets = new(["hidden"]),
        Registry = new() { Url = new("https://registry.berlin.example:5000") },
    };

    [Fact]
    public void Primary_WithoutEvents_IsToldWhatToPaste()
    {
        var steps = FirstSteps.Of(Status(Site.Primary), s_settings);
        Assert.Equal([true, true, false, false, false, false], steps.Select(s => s.Done));
        Assert.Contains("url: https://geodr.berlin.example/api/v4/container_registry_event/events\n", steps[2].Paste, StringComparison.Ordinal);
        Assert.Contains("docker push registry.berlin.example:5000/first/image:1", steps[3].Paste, StringComparison.Ordinal);
        Assert.DoesNotContain(steps, s => (s.Words + s.Paste).Contains("hidden", StringComparison.Ordinal));
        Assert.Contains("No secret is set yet", FirstSteps.Of(Status(Site.Primary), s_settings with { Secrets = new([]) })[2].Words, StringComparison.Ordinal);
    }

    [Fact]
    public void Primary_WithASecondSiteThatHoldsAnImage_HasNothingLeft()
    {
        var heartbeat = new Heartbeat("madrid", "secondary", null, "berlin", "1.0", null, null, new Dictionary<string, long> { ["synced"] = 1 }, "healthy");
        var done = Status(Site.Primary) with
        {
            Log = new(Guid.Empty, 7, 1, 3, 0, 1),
            Peers = [new("madrid", "secondary", null, null, s_now, heartbeat)],
        };
        Assert.DoesNotContain(FirstSteps.Of(done, s_settings), s => !s.Done);
    }

    [Fact]
    public void Secondary_IsToldWhatIsInTheWay()
    {
        var settings = s_settings with { Role = "secondary", PrimaryRegistry = new() { Url = new("https://registry.madrid.example") } };
        var blocked = Status(Site.Secondary) with { Outages = [new("primary registry", "refused", "401 for two repositories", s_now)], Workers = 1 };
        var steps = FirstSteps.Of(blocked, settings);
        Assert.Equal([true, false, false, false, false], steps.Select(s => s.Done));
        Assert.Contains("401 for two repositories", steps[2].Words, StringComparison.Ordinal);
        var fine = Status(Site.Secondary) with { Workers = 1, Counts = new(0, 0, 1, 0), Cursor = new(Guid.Empty, 7, 7, 0, 0, 1, 1, null) };
        Assert.DoesNotContain(FirstSteps.Of(fine, settings), s => !s.Done);
    }

    private static SiteStatus Status(string role) =>
        new("berlin", role, "1.0", 1, false, "healthy", [], new(0, 0, 0, 0), null, null, null, 0, 0, 0, null, 0, 0, [], [], [], s_now);
}
