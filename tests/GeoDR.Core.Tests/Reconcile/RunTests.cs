using GeoDR.Core.Tests.EventLog;
using GeoDR.Core.Tests.Postgres;
using GeoDR.EventLog;
using GeoDR.Reconcile;

namespace GeoDR.Core.Tests.Reconcile;

/// <summary>When a comparison is wanted, who runs it, and what is believed of what it reads.</summary>
public sealed class RunTests(PostgresFixture postgres) : DatabaseTest(postgres, "primary")
{
    private static readonly TimeSpan s_lease = TimeSpan.FromMinutes(1);
    private static readonly ReconcileReport s_nothing = new(0, 0, 0, 0, 0, []);

    private ReconcileRuns Runs => new(Database.Source);

    [Fact]
    public async Task Run_OfADeadNode_IsTakenOverOnce()
    {
        await Runs.WantAsync("asked for", Stop);
        await Runs.WantAsync("asked for again", Stop);
        var run = (await Runs.TakeAsync("one", TimeSpan.Zero, Stop))!;
        Assert.Equal("asked for", run.Reason);
        await Runs.WantAsync("while it runs", Stop);
        var over = (await Runs.TakeAsync("two", s_lease, Stop))!;
        Assert.Equal((run.Id, run.StartedAt), (over.Id, over.StartedAt));
        Assert.Null(await Runs.TakeAsync("three", s_lease, Stop));
        Assert.False(await Runs.RenewAsync(run, "one", s_lease, s_nothing, Stop));
        await Runs.EndAsync(run, "one", s_nothing, null, Stop);
        Assert.True(await Runs.RenewAsync(over, "two", s_lease, s_nothing, Stop));
        await Runs.EndAsync(over, "two", s_nothing with { Findings = [new("a", "v1", FindingKind.Missed, null, Events.Digest)] }, null, Stop);
        Assert.Equal([new Finding("a", "v1", FindingKind.Missed, null, Events.Digest)], await Runs.FindingsAsync(run.Id, Stop));
        Assert.Equal("while it runs", (await Runs.TakeAsync("three", s_lease, Stop))!.Reason);
    }

    [Fact]
    public async Task Want_WhileOneWaits_AnswersThatOne()
    {
        var wanted = await Runs.WantAsync("one", Stop);
        Assert.Equal(wanted, await Runs.WantAsync("two", Stop));
        var run = (await Runs.TakeAsync("node", s_lease, Stop))!;
        var next = await Runs.WantAsync("three", Stop);
        Assert.NotEqual(wanted, next);
        Assert.Null(await Runs.TakeAsync("other", s_lease, Stop));
        await Runs.ReleaseAsync(run, "node", Stop);
        Assert.Equal(wanted, (await Runs.TakeAsync("other", s_lease, Stop))!.Id);
        Assert.Equal("wanted", (await Runs.GetAsync(next, Stop))!.Status);
    }

    [Fact]
    public async Task Notices_OfAnotherInstanceOrAQuarantine_AreReasonsOnce()
    {
        var notices = new Notices(Database.Source);
        Assert.Null(await notices.LookAsync(Stop));
        var log = new LogAppender(Database.Source);
        await log.AppendAsync([Events.Push("a", "v1")], [], Stop);
        Assert.Null(await notices.LookAsync(Stop));
        await log.AppendAsync([Events.Push("a", "v2") with { InstanceId = "restarted" }], [], Stop);
        Assert.Contains("restarted", await notices.LookAsync(Stop), StringComparison.Ordinal);
        Assert.Null(await notices.LookAsync(Stop));
        await log.AppendAsync([Events.Push("a", "v4") with { InstanceId = "one" }, Events.Push("a", "v5") with { InstanceId = "two" }], [], Stop);
        Assert.NotNull(await notices.LookAsync(Stop));
        await log.AppendAsync([Events.Push("a", "v3")], [new("x"u8.ToArray(), false, ["bad"], null)], Stop);
        Assert.Contains("understood", await notices.LookAsync(Stop), StringComparison.Ordinal);
        Assert.Null(await notices.LookAsync(Stop));
    }

    [Fact]
    public async Task BesideTheLog_IsAReason_UntilAComparisonHasBegunSince()
    {
        var notices = new Notices(Database.Source);
        Assert.Null(await notices.BesideTheLogAsync(Stop));
        await new DivergentWrites(Database.Source).KeepAsync([Events.Push("a", "v1")], null, Stop);
        Assert.NotNull(await notices.BesideTheLogAsync(Stop));
        await Runs.WantAsync("beside", Stop);
        Assert.Null(await notices.BesideTheLogAsync(Stop));
        await Runs.TakeAsync("one", s_lease, Stop);
        Assert.Null(await notices.BesideTheLogAsync(Stop));
        await new DivergentWrites(Database.Source).KeepAsync([Events.Push("a", "v2")], null, Stop);
        Assert.NotNull(await notices.BesideTheLogAsync(Stop));
    }

    [Fact]
    public async Task Found_WhatTheLogTellsSince_IsNotAppended()
    {
        var log = new LogAppender(Database.Source);
        await log.AppendAsync([Events.Push("a", "v1")], [], Stop);
        var seen = await Database.ScalarAsync<long>("select max(id) from event");
        await log.AppendAsync([Events.Push("a", "v2")], [], Stop);
        await log.AppendFoundAsync([Events.Push("a", "v1"), Events.Push("a", "v2"), Events.Push("b", "v2")], seen, Stop);
        Assert.Equal(["a:v1", "b:v2"], await Database.ColumnAsync<string>("select repository || ':' || tag from event where origin = 'reconcile' order by id"));
    }

    [Fact]
    public void Difference_OfTwoViews_IsNamedAndDoubted()
    {
        var known = new Dictionary<string, string> { ["same"] = "1", ["moved"] = "1", ["gone"] = "1", ["broken"] = "1" };
        var found = new Dictionary<string, string> { ["same"] = "1", ["moved"] = "2", ["new"] = "3" };
        Assert.Equal(
            [new("r", "moved", FindingKind.Changed, "1", "2"), new("r", "new", FindingKind.Missed, null, "3"), new Finding("r", "gone", FindingKind.Gone, "1", null)],
            TagDifference.Of("r", known, found, new HashSet<string> { "broken" }, believesEmpty: false));
        var nothing = new Dictionary<string, string>();
        Assert.Equal(FindingKind.Doubtful, Assert.Single(TagDifference.Of("r", known, nothing, new HashSet<string>(), believesEmpty: false)).Kind);
        Assert.All(TagDifference.Of("r", known, nothing, new HashSet<string>(), believesEmpty: true), f => Assert.Equal(FindingKind.Gone, f.Kind));
        Assert.Empty(TagDifference.Of("r", nothing, nothing, new HashSet<string>(), believesEmpty: false));
    }
}
