using System.Collections.Concurrent;
using GeoDR.Core.Tests.Postgres;
using GeoDR.Lab;
using GeoDR.SyncState;

namespace GeoDR.Core.Tests.SyncState;

public sealed class ClaimsTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private static readonly WorkResult s_done = new(null, null, false);

    private Claims Claims => new(Database.Source);

    [Fact]
    public async Task Claim_EightClaimersAtOnce_NeverTwice()
    {
        await Database.ExecuteAsync("insert into repository (name) select 'r' || i from generate_series(1, 1000) i");
        var claimed = new ConcurrentBag<string>();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async n =>
        {
            var worker = await WorkerAsync();
            while (await Claims.ClaimAsync(worker, Transition.Backfill, n + 1, Stop) is { Count: > 0 } some)
                foreach (var claim in some)
                    claimed.Add(claim.Name);
        }));
        Assert.Equal(1000, claimed.Count);
        Assert.Equal(1000, claimed.Distinct().Count());
        Assert.Equal(1000L, await Database.ScalarAsync<long>("select count(distinct claim_token) from repository where state = 1"));
    }

    [Theory]
    [InlineData("update worker set lease_until = clock_timestamp() - interval '1 second'")]
    [InlineData("update site set paused = true")]
    [InlineData("update site set role = 'primary'")]
    [InlineData("update repository set paused = true")]
    [InlineData("insert into outage (peer, kind, detail) values ('own registry', 'unreachable', 'x')")]
    [InlineData("update repository set retry_at = clock_timestamp() + interval '1 minute'")]
    public async Task Claim_WhereItMustNot_TakesNothing(string change)
    {
        await RepositoryAsync("a");
        var worker = await WorkerAsync();
        await Database.ExecuteAsync(change);
        Assert.Empty(await Claims.ClaimAsync(worker, Transition.Backfill, 10, Stop));
    }

    [Fact]
    public async Task FreeDead_LostLease_IsTakenAgainAndTheLateOutcomeIsRefused()
    {
        await RepositoryAsync("a");
        await WaitingAsync("a", "v1", 5);
        var (dead, next) = (await WorkerAsync(), await WorkerAsync());
        var late = Assert.Single(await Claims.ClaimAsync(dead, Transition.Backfill, 1, Stop));
        var references = new References(Database.Source);
        var reference = Assert.Single(await references.TakeDueAsync(late, Stop));
        Assert.Equal(0, await Claims.FreeDeadAsync(TimeSpan.FromSeconds(30), Stop));
        await Database.ExecuteAsync($"update worker set lease_until = clock_timestamp() where id = '{dead}'");

        Assert.Equal(1, await Claims.FreeDeadAsync(TimeSpan.FromSeconds(30), Stop));
        var taken = Assert.Single(await Claims.ClaimAsync(next, Transition.Backfill, 1, Stop));

        Assert.True(taken.Token > late.Token);
        await references.DoneAsync(late, reference, new HeldManifest("sha256:x", null, null), Stop);
        await references.FailedAsync(late, reference, new Failure(FailureKind.Terminal, "x", "x"), null, null, Stop);
        Assert.Null(await Claims.FinishAsync(late, s_done, 0, Stop));
        await Claims.HandBackAsync(late, ["v1"], TimeSpan.FromSeconds(30), Stop);
        Assert.Equal(1, await Database.ScalarAsync<short>("select state from repository"));
        Assert.Equal(0L, await Database.ScalarAsync<long>("select count(*) from tag"));
        // What the dead one may still be writing is taken now, and kept until its last request must be over.
        var again = Assert.Single(await references.TakeDueAsync(taken, Stop));
        Assert.True(again is { Recheck: true, RecheckPassed: false });
        await references.DoneAsync(taken, again, new HeldManifest("sha256:y", null, null), Stop);
        Assert.Equal(RepositoryState.Pending, await Claims.FinishAsync(taken, s_done with { FullDone = taken.FullWanted }, 0, Stop));
        Assert.True(await Database.ScalarAsync<bool>("select retry_at > clock_timestamp() from repository"));
    }

    [Fact]
    public async Task Finish_NothingLeft_IsSynced()
    {
        await RepositoryAsync("a");
        var claim = Assert.Single(await Claims.ClaimAsync(await WorkerAsync(), Transition.Backfill, 1, Stop));
        Assert.True(claim.WantsFull);
        Assert.Equal(RepositoryState.Synced, await Claims.FinishAsync(claim, s_done with { FullDone = claim.FullWanted }, 0, Stop));
        Assert.True(await Database.ScalarAsync<bool>("select last_synced_at is not null and worker_id is null from repository"));
    }

    [Fact]
    public async Task Finish_FullSyncFailed_IsFailedWithTheFormulasTime()
    {
        await RepositoryAsync("a");
        await Database.ExecuteAsync("update repository set retry_count = 3");
        var claim = Assert.Single(await Claims.ClaimAsync(await WorkerAsync(), Transition.Backfill, 1, Stop));
        var failure = new Failure(FailureKind.Retryable, "listing", "500 from the registry");
        Assert.Equal(RepositoryState.Failed, await Claims.FinishAsync(claim, s_done with { FullFailure = failure }, 0, Stop));
        // min(4⁴ + 15 s + no jitter, 1 h)
        Assert.InRange(await Database.ScalarAsync<double>("select extract(epoch from retry_at - clock_timestamp())::double precision from repository"), 261, 271);
        Assert.Equal(["500 from the registry"], await Database.ColumnAsync<string>("select message from failure where reference = ''"));

        await Database.ExecuteAsync("update repository set retry_at = clock_timestamp(), full_not_before = clock_timestamp()");
        Assert.Equal(1, await Claims.RetryDueAsync(Stop));
        Assert.Equal(0, await Database.ScalarAsync<short>("select state from repository"));
    }

    [Fact]
    public async Task Claim_HandedBack_BurnsNoAttempt()
    {
        await RepositoryAsync("a");
        var worker = await WorkerAsync();
        var claim = Assert.Single(await Claims.ClaimAsync(worker, Transition.Backfill, 1, Stop));
        await Claims.HandBackAsync(claim, [], TimeSpan.FromSeconds(30), Stop);
        var again = Assert.Single(await Claims.ClaimAsync(worker, Transition.Backfill, 1, Stop));
        Assert.Equal(0, again.RetryCount);
        Assert.True(again.Token > claim.Token);
    }

    [Fact]
    public async Task Lease_RoleChanged_EndsAndFreesItsClaims()
    {
        await RepositoryAsync("a");
        var lease = new WorkerLease(Database.Source, "node", 1, TimeSpan.FromSeconds(30), TimeProvider.System);
        await lease.RenewAsync(Stop);
        var (id, lost) = lease.Current;
        var claim = Assert.Single(await Claims.ClaimAsync(id, Transition.Backfill, 1, Stop));

        await Database.ExecuteAsync("update site set role = 'primary'");
        Assert.Null(await Claims.FinishAsync(claim, s_done with { FullDone = claim.FullWanted }, 0, Stop));
        await lease.RenewAsync(Stop);

        Assert.True(lost.IsCancellationRequested);
        Assert.Equal(TimeSpan.Zero, lease.Left(id));
        await Database.ExecuteAsync("update site set role = 'secondary'");
        Assert.Equal(1, await Claims.FreeDeadAsync(TimeSpan.FromSeconds(30), Stop));
    }

    [Fact]
    public async Task Lease_LostInTheDatabase_IsNotRevived()
    {
        var lease = new WorkerLease(Database.Source, "node", 1, TimeSpan.FromSeconds(30), TimeProvider.System);
        await lease.RenewAsync(Stop);
        var (first, lost) = lease.Current;
        await lease.RenewAsync(Stop);
        Assert.Equal(first, lease.Current.Id);
        await Database.ExecuteAsync("update worker set lease_until = clock_timestamp()");
        await lease.RenewAsync(Stop);
        Assert.NotEqual(first, lease.Current.Id);
        Assert.True(lost.IsCancellationRequested);
        Assert.True(lease.Left(lease.Current.Id) > TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task Lease_ReleasedInOrder_FreesAtOnce()
    {
        await RepositoryAsync("a");
        var lease = new WorkerLease(Database.Source, "node", 1, TimeSpan.FromSeconds(30), TimeProvider.System);
        await lease.RenewAsync(Stop);
        Assert.Single(await Claims.ClaimAsync(lease.Current.Id, Transition.Backfill, 1, Stop));
        await lease.ReleaseAsync(Stop);
        Assert.Equal(1, await Claims.FreeDeadAsync(TimeSpan.FromSeconds(30), Stop));
    }

    private async Task<Guid> WorkerAsync()
    {
        var id = Guid.NewGuid();
        await Database.ExecuteAsync($"insert into worker (id, node, slots, lease_until) values ('{id}', 'node', 8, clock_timestamp() + interval '5 minutes')");
        return id;
    }

    private Task RepositoryAsync(string name) => Database.ExecuteAsync($"insert into repository (name) values ('{name}')");

    private Task WaitingAsync(string repository, string reference, long eventId) => Database.ExecuteAsync(
        $"insert into waiting_reference (repository_id, reference, event_id) select id, '{reference}', {eventId} from repository where name = '{repository}'");
}
