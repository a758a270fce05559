using GeoDR.Alerts;
using GeoDR.Sites;
using GeoDR.Status;
using GeoDR.SyncState;

namespace GeoDR.Core.Tests.Alerts;

/// <summary>What of a site is worth an alert.</summary>
public sealed class AlertConditionsTests
{
    private static readonly DateTimeOffset s_now = DateTimeOffset.UnixEpoch.AddYears(50);
    private static readonly AlertFacts s_nothing = new(0, 0, 0, 0, 0, null, 1000);
    private static readonly ReaderLimits s_readers = new(TimeSpan.FromDays(7), 500);

    private static readonly SiteStatus s_well = new(
        "here", Site.Secondary, "1", 0, false, "healthy", [], new(0, 0, 0, 0), new(Guid.Empty, 1, 1, 0, 0, 1, 1, null), null, null, 0, 0, 0, null, 0, 1, [], [], [], s_now);

    public static TheoryData<SiteStatus, AlertFacts, string[]> Cases => new()
    {
        { s_well, s_nothing, [] },
        { s_well with { Workers = 0 }, s_nothing, ["workers site"] },
        { s_well with { Cursor = null }, s_nothing, ["log site"] },
        { s_well with { Cursor = s_well.Cursor! with { Problem = "x" } }, s_nothing, ["log site"] },
        { s_well with { Cursor = s_well.Cursor! with { ReadSecondsAgo = 31 } }, s_nothing, ["log site"] },
        { s_well with { Cursor = s_well.Cursor! with { BeatSecondsAgo = 31 } }, s_nothing, ["log site"] },
        { s_well with { Outages = [new(Peers.OwnRegistry, "refused", "401", s_now)] }, s_nothing, ["outage own registry"] },
        { s_well, s_nothing with { FailedLong = 1, DamagedThings = 2, Braked = 3 }, ["failed site", "damage site", "brake site"] },
        { s_well, s_nothing with { Quarantined = 1, Divergent = 1 }, ["quarantine site", "divergent site"] },
        { s_well, s_nothing with { LastReconcile = (true, 0, "no answer") }, ["reconcile-failed site"] },
        { s_well, s_nothing with { LastReconcile = (false, 5, null) }, ["gaps site"] },
        {
            s_well with { Loss = new(1, 400, 10, 0, 1, 1, true, false, 0, null) { Targets = [new(null, "age", 300, 400, true, 100, false), new("a/*", "bytes", 5, 10, true, 5, false), new(null, "bytes", 50, 10, false, null, false)] } },
            s_nothing, ["target-age site", "target-bytes a/*"]
        },
        { Heard(TimeSpan.FromSeconds(20), 900), s_nothing, [] },
        { Heard(TimeSpan.FromMinutes(2), 900), s_nothing, ["secondary madrid"] },
        { Heard(TimeSpan.FromSeconds(20), 400), s_nothing, ["secondary madrid"] },
        { Heard(TimeSpan.FromDays(8), 900), s_nothing, ["secondary madrid"] },
        { Heard(TimeSpan.FromDays(40), 900), s_nothing, [] },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Site_AsItIs_IsWorthTheseAlerts(SiteStatus site, AlertFacts facts, string[] expected)
    {
        var found = AlertConditions.Of(site, facts, s_readers);
        Assert.Equal(expected, found.Select(c => $"{c.Kind} {c.Subject}"));
        Assert.All(found, c =>
        {
            Assert.Contains(c.Kind, AlertKinds.All);
            Assert.DoesNotContain("{", c.Text, StringComparison.Ordinal);
            Assert.False(c.Text.EndsWith('.') || c.NextStep.EndsWith('.'));
        });
    }

    [Fact]
    public void Reader_PrunedPast_IsCritical() => Assert.Equal(
        [Severities.Critical, Severities.Critical, Severities.Warning],
        new[] { Heard(TimeSpan.FromDays(8), 900), Heard(TimeSpan.FromSeconds(20), 400), Heard(TimeSpan.FromMinutes(2), 900) }
            .Select(s => Assert.Single(AlertConditions.Of(s, s_nothing, s_readers)).Severity));

    private static SiteStatus Heard(TimeSpan ago, long at) =>
        s_well with { Role = Site.Primary, Cursor = null, Workers = 0, Peers = [new("madrid", Site.Secondary, null, at, s_now - ago, null)] };
}
