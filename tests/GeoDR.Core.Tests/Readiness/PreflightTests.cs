using GeoDR.Failover;
using GeoDR.Readiness;
using GeoDR.Sites;
using GeoDR.Status;

namespace GeoDR.Core.Tests.Readiness;

/// <summary>What the facts mean: each one that is wrong is seen, by its own check, with a mend.</summary>
public sealed class PreflightTests
{
    private static readonly DateTimeOffset s_now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly Guid s_term = Guid.NewGuid();

    private static readonly LossSummary s_loss = new(0, null, 0, 0, 0.5, 0.5, true, false, 0, null);

    private static readonly SiteStatus s_status = new(
        "madrid", Site.Secondary, "1.0", 0, false, "healthy", [], new(0, 0, 5, 0), null, null, null, 0, 0, 0, null, 0, 1, [], [], [], s_now)
    { Loss = s_loss, Verification = new(0, 0, 5, 0, 5, 5, 0, 60, 60) };

    private static readonly PreflightFacts s_well = new(
        new Site("madrid", Site.Secondary, false) { Epoch = 1, Promotion = s_term }, s_status, "berlin", [new(1, s_term, "berlin", "", s_now, null)],
        [new("berlin", null, Site.Primary, "1.0", TimeSpan.Zero, new Dictionary<string, string> { ["Geo:Tokens:Issuer"] = "a" })],
        new(null, null, true, 0.2), new(1 << 20, 100L << 30, TimeSpan.Zero),
        new(1, ["ada"], null, s_now.AddYears(1), null, true, true, true, [], ["webhook"], true), new Dictionary<string, string> { ["Geo:Tokens:Issuer"] = "a" }, s_now);

    public static TheoryData<string, string, Func<PreflightFacts, PreflightFacts>> Faults() => new()
    {
        { "log read", CheckStates.Fail, f => Status(f, s => s with { Loss = s_loss with { Problem = "stopped" } }) },
        { "log read", CheckStates.Fail, f => Status(f, s => s with { Loss = s_loss with { ReadSecondsAgo = null } }) },
        { "log read", CheckStates.Warn, f => Status(f, s => s with { Loss = s_loss with { Fresh = false, WindowSeconds = 300 } }) },
        { "rows", CheckStates.Fail, f => Status(f, s => s with { Counts = new(0, 0, 4, 1) }) },
        { "rows", CheckStates.Fail, f => Status(f, s => s with { Loss = s_loss with { BackfillRunning = true } }) },
        { "rows", CheckStates.Warn, f => Status(f, s => s with { Counts = new(1, 0, 4, 0) }) },
        { "loss", CheckStates.Warn, f => Status(f, s => s with { Loss = s_loss with { Pushes = 2, OldestSeconds = 10 } }) },
        { "loss", CheckStates.Fail, f => Status(f, s => s with { Loss = s_loss with { Targets = [new(null, "age", 5, 10, true, 5, false)] } }) },
        { "verification", CheckStates.Fail, f => Status(f, s => s with { Verification = s.Verification! with { Damaged = 1 } }) },
        { "verification", CheckStates.Warn, f => Status(f, s => s with { Verification = s.Verification! with { Whole = 4 } }) },
        { "comparison", CheckStates.Fail, f => f with { Site = f.Site with { Comparing = "inventory" } } },
        { "registry", CheckStates.Fail, f => f with { Canary = new("refused", "open it", null, 0) } },
        { "notifications", CheckStates.Fail, f => f with { Canary = new(null, null, false, 10) } },
        { "notifications", CheckStates.Warn, f => f with { Canary = new(null, null, null, 10) } },
        { "token key", CheckStates.Fail, f => With(f, p => p with { TokenFault = "ended" }) },
        { "token key", CheckStates.Warn, f => With(f, p => p with { TokenEnds = s_now.AddDays(29) }) },
        { "site key", CheckStates.Fail, f => With(f, p => p with { SiteKeyFault = "not set" }) },
        { "right to promote", CheckStates.Fail, f => With(f, p => p with { MayPromote = false }) },
        { "notification secrets", CheckStates.Fail, f => With(f, p => p with { Secrets = 0 }) },
        { "administrators", CheckStates.Fail, f => With(f, p => p with { Admins = [] }) },
        { "filters", CheckStates.Fail, f => With(f, p => p with { Partial = ["Geo:Filter:Map"] }) },
        { "alert targets", CheckStates.Warn, f => With(f, p => p with { AlertTargets = [] }) },
        { "clients", CheckStates.Fail, f => With(f, p => p with { HasUnfenceCommand = false }) },
        { "clients", CheckStates.Warn, f => With(f, p => p with { HasUnfenceCommand = false, HasFenceCommand = false }) },
        { "settings", CheckStates.Warn, f => f with { Settings = new Dictionary<string, string> { ["Geo:Tokens:Issuer"] = "b" } } },
        { "settings", CheckStates.Warn, f => Peer(f, s => s with { Settings = null }) },
        { "clock against the database", CheckStates.Fail, f => f with { Room = f.Room with { ClockAhead = TimeSpan.FromSeconds(-31) } } },
        { "clock against berlin", CheckStates.Warn, f => Peer(f, s => s with { ClockAhead = TimeSpan.FromSeconds(3) }) },
        { "database room", CheckStates.Fail, f => f with { Room = f.Room with { Free = 1000 } } },
        { "database room", CheckStates.Warn, f => f with { Room = f.Room with { Free = null } } },
        { "versions", CheckStates.Warn, f => Peer(f, s => s with { Version = "0.9" }) },
        { "sites", CheckStates.Warn, f => Peer(f, s => s with { Error = "no answer" }) },
        { "terms", CheckStates.Fail, f => f with { Terms = [.. f.Terms, new(1, Guid.NewGuid(), "paris", "", s_now, null)] } },
        { "terms", CheckStates.Fail, f => f with { Site = f.Site with { NewerSite = "paris" }, Terms = [.. f.Terms, new(2, Guid.NewGuid(), "paris", "", s_now, null)] } },
        { "terms", CheckStates.Warn, f => f with { Terms = [] } },
    };

    [Fact]
    public void Judge_AllWell_Passes()
    {
        var report = Preflight.Judge(s_well);
        Assert.All(report.Checks, c => Assert.True(c is { State: CheckStates.Pass, Mend: null }, $"{c}"));
        Assert.True(report.Passed);
        Assert.Equal(report.Checks.Count, report.Checks.Select(c => c.Name).Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(Faults), DisableDiscoveryEnumeration = true)]
    public void Judge_OneFact_IsSeenByItsCheckWithAMend(string name, string state, Func<PreflightFacts, PreflightFacts> change)
    {
        var report = Preflight.Judge(change(s_well));
        var check = report.Checks.Single(c => c.Name == name);
        Assert.Equal(state, check.State);
        Assert.NotEmpty(check.Mend!);
        Assert.Equal(state != CheckStates.Fail, report.Passed);
    }

    [Fact]
    public void Judge_ARejectedTerm_CountsForNothing() =>
        Assert.True(Preflight.Judge(s_well with { Terms = [.. s_well.Terms, new(1, Guid.NewGuid(), "paris", "", s_now, "chosen against")] }).Passed);

    [Fact]
    public void Take_WhatAnotherSiteSays_IsCutAndMadeHarmless()
    {
        var told = Enumerable.Range(0, 1000).ToDictionary(i => $"Geo:Key{i}", _ => new string('x', 10_000));
        told["Geo:Evil"] = null!;
        var taken = SettingsCompared.Take(told)!;
        Assert.Equal(100, taken.Count);
        Assert.All(taken.Values, v => Assert.True(v.Length <= 200));
        Assert.Equal("?[2J", Assert.Single(SettingsCompared.Take(new Dictionary<string, string> { ["Geo:A"] = "\u001b[2J", ["\0"] = "b" })!).Value);
        Assert.Null(SettingsCompared.Take(null));
    }

    [Theory]
    [InlineData(0, null, 3.6)]
    [InlineData(3, null, null)]
    [InlineData(3, 60.0, 63.6)]
    public void Recovery_IsTheSumOfWhatIsKnown(long waiting, double? catchUp, double? planned)
    {
        var recovery = RecoveryEstimate.Of(new(waiting, catchUp, 0.1, 3, Unfences: true));
        Assert.Equal(planned, recovery.Planned is { } p ? Math.Round(p, 6) : null);
        Assert.Equal(3.6, Math.Round(recovery.Unplanned!.Value, 6));
        Assert.Null(RecoveryEstimate.Of(new(0, null, 0.1, null, Unfences: false)).Unplanned);
    }

    private static PreflightFacts Status(PreflightFacts f, Func<SiteStatus, SiteStatus> change) => f with { Status = change(f.Status) };

    private static PreflightFacts With(PreflightFacts f, Func<Prepared, Prepared> change) => f with { Prepared = change(f.Prepared) };

    private static PreflightFacts Peer(PreflightFacts f, Func<SiteAnswer, SiteAnswer> change) => f with { Sites = [change(f.Sites[0])] };
}
