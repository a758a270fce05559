using System.Collections.Concurrent;
using GeoDR.Core.Tests.Postgres;
using GeoDR.Jobs;
using GeoDR.Lab;
using GeoDR.Schedules;
using GeoDR.Sync;
using GeoDR.SyncState;

namespace GeoDR.Core.Tests.Jobs;

/// <summary>What every engine has to keep: claim, lost lease, shutdown, outcome, outage, schedules. On a real PostgreSQL, with two processes' worth of it.</summary>
public abstract class JobEngineTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private const int Slots = 3;
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(60);
    private readonly List<JobNode> _nodes = [];

    /// <summary>One for all nodes of a test.</summary>
    internal abstract IJobEngine Engine { get; }

    public override async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
            await node.DisposeAsync();
        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Claim_ManyRowsAndTwoNodes_EachRowIsDoneOnceWithinTheSlots()
    {
        await RowsAsync("select 'r' || i, i % 2 from generate_series(1, 40) i");
        var (done, now, most) = (new ConcurrentQueue<string>(), new ConcurrentDictionary<string, int>(), new ConcurrentDictionary<string, int>());
        var (begun, full) = (0, new TaskCompletionSource());
        await StartAsync("one", WorkAsync("one"));
        await StartAsync("two", WorkAsync("two"));
        await SyncedAsync(40);
        Assert.Equal(40, done.Distinct().Count());
        Assert.Equal(40, done.Count);
        Assert.Equal([("one", Slots), ("two", Slots)], most.Select(m => (m.Key, m.Value)).Order());

        // The first wait for each other: every slot of both nodes is used at once.
        Func<ClaimedRepository, CancellationToken, Task<WorkResult>> WorkAsync(string node) => async (claim, _) =>
        {
            var running = now.AddOrUpdate(node, 1, (_, n) => n + 1);
            most.AddOrUpdate(node, running, (_, n) => Math.Max(n, running));
            if (Interlocked.Increment(ref begun) == 2 * Slots)
                full.SetResult();
            await full.Task.WaitAsync(s_deadline, CancellationToken.None);
            done.Enqueue(claim.Name);
            now.AddOrUpdate(node, 0, (_, n) => n - 1);
            return Done(claim);
        };
    }

    [Fact]
    public async Task Claim_RowOrSitePaused_WaitsAndGoesOn()
    {
        await RowsAsync("values ('held', 0), ('free', 1)");
        await Database.ExecuteAsync("update repository set paused = true where name = 'held'");
        var done = new ConcurrentQueue<string>();
        var node = await StartAsync("one", (claim, _) =>
        {
            done.Enqueue(claim.Name);
            return Task.FromResult(Done(claim));
        });
        await SyncedAsync(1);
        await LivesOnAsync(node);
        Assert.Equal(["free"], done);
        await Database.ExecuteAsync("update repository set paused = false");
        await SyncedAsync(2);
    }

    [Fact]
    public async Task LeaseLost_WorkEnds_AnotherDoesItAnewAndTheLateOutcomeIsRefused()
    {
        await RowsAsync("values ('a', 0)");
        var (first, lost, late) = (new TaskCompletionSource<ClaimedRepository>(), new TaskCompletionSource(), new TaskCompletionSource());
        var one = await StartAsync("one", async (claim, cancel) =>
        {
            if (!first.TrySetResult(claim))
                return Done(claim);
            await using var told = cancel.Register(() => lost.TrySetResult());
            await late.Task.WaitAsync(s_deadline, CancellationToken.None);
            return Done(claim);
        });
        var claim = await first.Task.WaitAsync(s_deadline, Stop);
        var two = await StartAsync("two", (claim, _) => Task.FromResult(Done(claim)));
        await Database.ExecuteAsync("update worker set lease_until = clock_timestamp() - interval '1 second' where node = 'one'");
        await lost.Task.WaitAsync(s_deadline, Stop);
        await SyncedAsync(1);
        late.SetResult();
        await one.StopAsync();
        var (written, state) = Assert.Single(one.Finished.Concat(two.Finished));
        Assert.True(written.Token > claim.Token);
        Assert.Equal(RepositoryState.Synced, state);
    }

    [Fact]
    public async Task Shutdown_RunningWork_IsHandedBackAndNoAttemptBurns()
    {
        await RowsAsync("values ('a', 0)");
        var begun = new TaskCompletionSource();
        var one = await StartAsync("one", async (claim, cancel) =>
        {
            begun.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancel);
            return Done(claim);
        });
        await begun.Task.WaitAsync(s_deadline, Stop);
        await one.StopAsync();
        Assert.Equal("0 0 0", await Database.ScalarAsync<string>("select state || ' ' || retry_count || ' ' || (select count(*) from worker) from repository"));
        Assert.Empty(one.Finished);
        await StartAsync("two", (claim, _) => Task.FromResult(Done(claim)));
        await SyncedAsync(1);
    }

    [Fact]
    public async Task Outcome_FailedAndMarkedMeanwhile_AreTakenUpAgain()
    {
        await RowsAsync("values ('fails', 1), ('marked', 1)");
        var tries = new ConcurrentDictionary<string, int>();
        await StartAsync("one", async (claim, _) =>
        {
            var first = tries.AddOrUpdate(claim.Name, 1, (_, n) => n + 1) == 1;
            if (claim.Name == "fails" && first)
                return new(null, new Failure(FailureKind.Retryable, "listing", "500 from the registry"), false);
            // A push during the work: there is more to do when it ends.
            if (claim.Name == "marked")
                await Database.ExecuteAsync(first
                    ? $"insert into waiting_reference (repository_id, reference, event_id) values ({claim.Id}, 'v1', 1)" : "delete from waiting_reference");
            return Done(claim);
        });
        await SyncedAsync(1);
        await UntilAsync("select count(*) from repository where state = 3 and retry_at > clock_timestamp()", 1);
        Assert.Equal(["500 from the registry"], await Database.ColumnAsync<string>("select message from failure"));
        await Database.ExecuteAsync("update repository set retry_at = clock_timestamp(), full_not_before = clock_timestamp() where state = 3");
        await SyncedAsync(2);
        Assert.Equal([("fails", 2), ("marked", 2)], tries.Select(t => (t.Key, t.Value)).Order());
    }

    [Fact]
    public async Task Outage_PausesEverything_AndBurnsNoAttempt()
    {
        await RowsAsync("values ('a', 0)");
        var (outages, begun) = (new Outages(Database.Source), 0);
        var node = await StartAsync("one", async (claim, _) =>
        {
            if (Interlocked.Increment(ref begun) > 1)
                return Done(claim);
            await outages.BeginAsync(Peers.OwnRegistry, "unreachable", "gone", CancellationToken.None);
            throw new PeerOutException(Peers.OwnRegistry, new HttpRequestException("gone"));
        });
        await UntilAsync("select count(*) from repository where state = 0 and exists (select from outage)", 1);
        await RowsAsync("values ('b', 0)");
        await LivesOnAsync(node);
        Assert.Equal(1, begun);
        Assert.Equal(0L, await Database.ScalarAsync<long>("select max(retry_count)::bigint from repository"));
        await outages.EndAsync(Peers.OwnRegistry, Stop);
        await SyncedAsync(2);
        Assert.Equal(3, begun);
    }

    [Fact]
    public async Task Schedule_SomebodyWishesARun_OneNodeRunsItOnce()
    {
        await QuartzStore.ProvisionAsync(Database.Source, Stop);
        var schedule = new Counted();
        var (list, runs) = (new ScheduleList(Database.Source), new ScheduleRuns(Database.Source));
        foreach (var name in new[] { "one", "two" })
            await StartAsync(name, (claim, _) => Task.FromResult(Done(claim)), [schedule]);
        await Wait.UntilAsync(async token => await list.WantAsync(schedule.Name, "ann", token), s_deadline, () => "nobody keeps the list of schedules", Stop);
        await UntilAsync("select count(*) from schedule_run where status = 'done'", 1);
        var run = Assert.Single(await runs.ListAsync(schedule.Name, 10, Stop));
        Assert.Equal((RunCause.Hand, "ann", "counted"), (run.Cause, run.WantedBy, run.Outcome));
        Assert.Equal(1, schedule.Runs);
        Assert.Single(run.Nodes);
    }

    private static WorkResult Done(ClaimedRepository claim) => new(claim.FullWanted, null, false);

    private async Task<JobNode> StartAsync(string name, Func<ClaimedRepository, CancellationToken, Task<WorkResult>> work, IReadOnlyList<ISchedule>? schedules = null)
    {
        var node = await JobNode.StartAsync(name, Engine, Database.ConnectionString, Slots, work, schedules);
        _nodes.Add(node);
        return node;
    }

    private Task RowsAsync(string namesAndPriorities) =>
        Database.ExecuteAsync($"insert into repository (name, priority) select * from ({namesAndPriorities}) as r (name, priority); notify {Marking.Channel}");

    private Task SyncedAsync(long rows) => UntilAsync("select count(*) from repository where state = 2", rows);

    private Task UntilAsync(string count, long wanted) => Wait.UntilAsync(
        async _ => await Database.ScalarAsync<long>(count) == wanted, s_deadline, () => $"never {wanted}: {count}", Stop);

    /// <summary>Returns when the node has gone through its loops some more times: its lease was renewed twice.</summary>
    private async Task LivesOnAsync(JobNode node)
    {
        for (var n = 0; n < 2; n++)
        {
            var until = await LeaseAsync();
            await Wait.UntilAsync(async _ => await LeaseAsync() > until, s_deadline, () => "the lease is not renewed", Stop);
        }

        Task<DateTime> LeaseAsync() => Database.ScalarAsync<DateTime>($"select lease_until from worker where node = '{node.Name}'");
    }

    private sealed class Counted : ISchedule
    {
        private int _runs;

        public int Runs => _runs;

        public string Name => "counted";

        public TimeSpan Every => TimeSpan.FromHours(1);

        public string? Off => null;

        public Task<ScheduleOutcome> RunAsync(RunningSchedule run, CancellationToken cancel)
        {
            Interlocked.Increment(ref _runs);
            return Task.FromResult(ScheduleOutcome.Done("counted"));
        }
    }
}
