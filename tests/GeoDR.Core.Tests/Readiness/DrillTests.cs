using GeoDR.Core.Tests.Postgres;
using GeoDR.Core.Tests.Registry;
using GeoDR.Lab.Registries;
using GeoDR.Readiness;
using GeoDR.Registry;
using GeoDR.Selection;
using GeoDR.Sync;
using Npgsql;

namespace GeoDR.Core.Tests.Readiness;

/// <summary>A drill's parts: its store, what it draws, what it pulls from a registry that misbehaves, and the intake that leaves nothing.</summary>
public sealed class DrillTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private DrillRuns Runs => new(Database.Source);

    private static DrillReport Report(params PullProblem[] problems) => new(
        "here", "1", "ada", DateTimeOffset.UnixEpoch, 1, 2, null, "own way", new(1, 1, 1, 1, 0, 1, 0), problems, 0, new(null, 0.1), null, new([], 1, 1));

    [Fact]
    public async Task Runs_OneAtATime_AndWhatANodeLeftFailed()
    {
        var one = (await Runs.BeginAsync("ada", "one", Stop))!.Value;
        Assert.Null(await Runs.BeginAsync("bob", "two", Stop));
        Assert.True(await Runs.SayAsync(one, "3 of 7", Stop));
        await Database.ExecuteAsync("update drill_run set lease_until = clock_timestamp() - interval '1 s'");
        var two = (await Runs.BeginAsync("bob", "two", Stop))!.Value;
        // The node that was thought dead wakes: nothing of it is written any more.
        Assert.False(await Runs.SayAsync(one, "4 of 7", Stop));
        Assert.False(await Runs.EndAsync(one, "late", Report(), Stop));
        Assert.True(await Runs.EndAsync(two, "found\0", Report(new PullProblem("a", "v1", "x\0y")), Stop));
        var runs = await Runs.ListAsync(10, Stop);
        Assert.Equal([("done", "found", false), ("failed", "its node left it: 3 of 7", false)], runs.Select(r => (r.Status, r.Outcome!, r.Report?.Passed ?? false)));
        Assert.Equal("x?y", Assert.Single(runs[0].Report!.Problems).What);
        Assert.Null(await Runs.GetAsync(two + 100, Stop));
    }

    [Fact]
    public async Task Runs_ManyAtOnce_BeginOne() =>
        Assert.Single(await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Runs.BeginAsync("ada", $"{i}", Stop))), id => id is not null);

    [Fact]
    public async Task Runs_Old_AreForgotten()
    {
        await Database.ExecuteAsync($"""
            insert into drill_run (status, asked_by, node, lease_until) select 'done', 'ada', 'one', now() from generate_series(1, {DrillRuns.Kept + 50})
            """);
        await Runs.EndAsync((await Runs.BeginAsync("ada", "one", Stop))!.Value, "done", Report(), Stop);
        Assert.Equal((long)DrillRuns.Kept, await Database.ScalarAsync<long>("select count(*) from drill_run"));
    }

    [Fact]
    public async Task Sample_IsDrawnFromWhatStands()
    {
        await Database.ExecuteAsync($"""
            insert into tag (repository, name, digest) select 'r' || n, 'v1', 'd' from generate_series(1, 30) n;
            insert into tag (repository, name, digest) values ('r1', 'moving', 'd'), ('{SiteSelection.CanaryRepository}', 'canary', 'd');
            insert into repository (name) values ('r1');
            insert into waiting_reference (repository_id, reference, event_id) select id, 'moving', 1 from repository
            """);
        var sample = new DrillSample(Database.Source);
        var (known, some) = await sample.DrawAsync(5, Stop);
        Assert.Equal((30L, 5), (known, some.Distinct().Count()));
        Assert.Equal(30, (await sample.DrawAsync(null, Stop)).Names.Count);
        Assert.Equal(["v1"], (await sample.TagsAsync("r1", Stop)).Keys);
        Assert.Equal((1L, 0L), (await sample.WaitingAsync(["r1", "r2"], Stop), await sample.WaitingAsync(["r2"], Stop)));
    }

    [Fact]
    public async Task Intake_Rehearsed_LeavesNothing()
    {
        Assert.Null((await new IntakeRehearsal(Database.Source, TimeProvider.System).TryAsync(Stop)).Fault);
        Assert.Equal(0L, await Database.ScalarAsync<long>("select (select count(*) from event) + (select count(*) from quarantine) + (select count(*) from divergent_write)"));
        await Database.ExecuteAsync("alter table event rename to gone");
        Assert.Contains("could not be written", (await new IntakeRehearsal(Database.Source, TimeProvider.System).TryAsync(Stop)).Fault, StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => Database.ExecuteAsync("select 1 from event"));
    }

    [Fact]
    public async Task Canary_ThatWasToldOf_IsSeen()
    {
        var notices = new CanaryNotices(Database.Source);
        Assert.False(await notices.CameAsync("r", "d", Stop));
        await notices.KeepAsync("d", Stop);
        await notices.KeepAsync("d", Stop);
        Assert.True(await notices.CameAsync("r", "d", Stop));
        await Database.ExecuteAsync("update canary_notice set told_at = now() - interval '2 h'");
        await notices.KeepAsync("e", Stop);
        Assert.Equal(["e"], await Database.ColumnAsync<string>("select digest from canary_notice"));
    }

    [Fact]
    public async Task Room_IsRead()
    {
        var room = await RoomReader.ReadAsync(Database.Source, TimeProvider.System, Stop);
        Assert.True(room.Bytes > 1000);
        // The cluster is on this machine, and the test its superuser.
        Assert.True(room.Free > 0);
        Assert.InRange(room.ClockAhead.TotalSeconds, -2, 2);
    }

    [Fact]
    public async Task Pull_FindsEveryKindOfDamage_AndReadsWhatIsSharedOnce()
    {
        await using var registry = await LabRegistry.StartAsync();
        var (well, bad) = (LabImage.Create("well", 3000, 5000), LabImage.Create("bad", 4000));
        foreach (var name in new[] { "a", "b" })
            registry.Seed(name, "v1", well);
        var index = LabImage.Index(LabImage.Create("child", 100), bad);
        registry.Seed("c", "v1", index);
        using var client = Clients.Of(registry.Url);
        var pull = new ImagePull(client, SiteSelection.All, new Bandwidth(BandwidthPlan.Unlimited, TimeProvider.System), TimeProvider.System);
        await PullAsync(pull, "a", ("v1", well.Digest));
        await PullAsync(pull, "b", ("v1", well.Digest));
        await PullAsync(pull, "c", ("v1", index.Digest));
        Assert.Empty(pull.Problems);
        Assert.Equal((3L, 3L, 5L, 7L, 3L), (pull.Counts.Repositories, pull.Counts.Tags, pull.Counts.Manifests, pull.Counts.Blobs, pull.Counts.Shared));

        pull = new(client, SiteSelection.All, new Bandwidth(BandwidthPlan.Unlimited, TimeProvider.System), TimeProvider.System);
        registry.Switches.Corrupt[well.Blobs.MaxBy(b => b.Value.Length).Key] = Corruption.FlipBit;
        registry.Switches.Corrupt[bad.Digest] = Corruption.FlipBit;
        await PullAsync(pull, "a", ("v1", well.Digest), ("gone", well.Digest));
        await PullAsync(pull, "b", ("v1", bad.Digest));
        await PullAsync(pull, "c", ("v1", index.Digest));
        Assert.Equal(["a:gone missing", "a:v1 damaged", "b:v1 should be", "c:v1 damaged"], pull.Problems.Select(Short));
        Assert.Equal(0, pull.Counts.Changing);

        // What the sync moves meanwhile is nobody's fault.
        var said = new Queue<string>([well.Digest, bad.Digest]);
        await pull.RepositoryAsync("b", () => Task.FromResult<IReadOnlyDictionary<string, string>>(new Dictionary<string, string> { ["gone"] = said.Dequeue() }), Stop);
        Assert.Equal((4, 1L), (pull.Problems.Count, pull.Counts.Changing));

        await registry.StopAsync();
        await Assert.ThrowsAsync<RegistryException>(() => PullAsync(pull, "a", ("v1", well.Digest)));
    }

    private static string Short(PullProblem p) =>
        $"{p.Repository}:{p.Tag} {new[] { "missing", "damaged", "should be" }.First(w => p.What.Contains(w, StringComparison.Ordinal))}";

    private static Task PullAsync(ImagePull pull, string repository, params (string Tag, string Digest)[] tags) =>
        pull.RepositoryAsync(repository, () => Task.FromResult<IReadOnlyDictionary<string, string>>(tags.ToDictionary(t => t.Tag, t => t.Digest)), Stop);
}
