using System.Collections.Concurrent;
using GeoDR.Core.Tests.Postgres;
using GeoDR.SyncState;
using GeoDR.Verification;

namespace GeoDR.Core.Tests.Verification;

public sealed class ChecksTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private Checks Checks => new(Database.Source);

    [Fact]
    public async Task Claim_EightClaimersAtOnce_NeverTwice()
    {
        await Database.ExecuteAsync("""
            insert into repository (name, state) select 'r' || i, 2 from generate_series(1, 200) i;
            insert into verification (repository_id) select id from repository
            """);
        var claimed = new ConcurrentBag<string>();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            var worker = await WorkerAsync();
            while (await Checks.ClaimAsync(worker, deep: false, automatic: true, Stop) is { } claim)
                claimed.Add(claim.Name);
        }));
        Assert.Equal(200, claimed.Count);
        Assert.Equal(200, claimed.Distinct().Count());
    }

    [Theory]
    [InlineData("update repository set state = 1")]
    [InlineData("update repository set state = 0")]
    [InlineData("update site set paused = true")]
    [InlineData("update site set role = 'primary'")]
    [InlineData("insert into outage (peer, kind, detail) values ('own registry', 'unreachable', 'x')")]
    [InlineData("update worker set lease_until = clock_timestamp() - interval '1 second'")]
    [InlineData("update verification set state = 2")]
    [InlineData("insert into repository (name, state) values ('another is at work', 1)")]
    public async Task Claim_WhereItMustNot_TakesNothing(string change)
    {
        await RepositoryAsync("a");
        var worker = await WorkerAsync();
        await Database.ExecuteAsync(change);
        Assert.Null(await Checks.ClaimAsync(worker, deep: false, automatic: true, Stop));
    }

    [Theory]
    [InlineData("insert into repository (name, state) values ('another is at work', 1)", true)]
    [InlineData("update site set paused = true", true)]
    [InlineData("update repository set state = 0; insert into outage (peer, kind, detail) values ('primary registry', 'unreachable', 'x')", true)]
    [InlineData("select 1", false)]
    public async Task Claim_AskedFor_GoesAheadOfTheSyncAndOfAPause(string change, bool automatic)
    {
        await RepositoryAsync("a");
        var worker = await WorkerAsync();
        await Database.ExecuteAsync(change);
        var (marked, mark) = await Checks.AskAsync("a", RowFilter.All, deep: true, Stop);
        Assert.Equal((1L, 1L), (marked, await Checks.WaitingAsync(mark, Stop)));
        Assert.Null(await Checks.ClaimAsync(worker, deep: false, automatic, Stop));
        Assert.Equal(CheckScope.Deep, (await Checks.ClaimAsync(worker, deep: true, automatic, Stop))?.Scope);
    }

    [Fact]
    public async Task Claim_NotAutomatic_TakesOnlyWhatWasAskedForOrRepaired()
    {
        await RepositoryAsync("a");
        var worker = await WorkerAsync();
        Assert.Null(await Checks.ClaimAsync(worker, deep: false, automatic: false, Stop));
        await Database.ExecuteAsync("update verification set healing = true");
        Assert.NotNull(await Checks.ClaimAsync(worker, deep: false, automatic: false, Stop));
    }

    [Fact]
    public async Task Synced_AfterACheck_LooksAtWhatChanged_AndAtAllWhileDamageIsOpen()
    {
        var id = await RepositoryAsync("a");
        await Database.ExecuteAsync("update verification set whole_at = clock_timestamp(), checked_from = clock_timestamp(), state = 2, wish = 0");
        var worker = await WorkerAsync();
        await SyncAsync(worker);
        var claim = await Checks.ClaimAsync(worker, deep: false, automatic: true, Stop);
        Assert.True(claim is { Scope: CheckScope.Changed, Since: not null });
        await Checks.HandBackAsync(claim, Stop);
        await Database.ExecuteAsync($"insert into damage (repository_id, subject, kind, detail, reference) values ({id}, 'v1', 'missing', 'x', 'v1')");
        claim = await Checks.ClaimAsync(worker, deep: false, automatic: true, Stop);
        Assert.True(claim is { Scope: CheckScope.Whole, Since: null });
        Assert.Contains("v1", claim.Suspects);
    }

    [Fact]
    public async Task Synced_WhileACheckRuns_ChecksAgain()
    {
        await RepositoryAsync("a");
        var worker = await WorkerAsync();
        var claim = await Checks.ClaimAsync(worker, deep: false, automatic: true, Stop);
        await SyncAsync(worker);
        var state = await new CheckResults(Database.Source).FinishAsync(claim!, Nothing, Stop);
        Assert.Equal(VerificationState.Pending, state);
    }

    [Fact]
    public async Task Ask_WhileACheckRuns_WaitsForOneOfItsOwnKind()
    {
        await RepositoryAsync("a");
        var worker = await WorkerAsync();
        var claim = await Checks.ClaimAsync(worker, deep: false, automatic: true, Stop);
        var (_, mark) = await Checks.AskAsync(null, RowFilter.All, deep: true, Stop);
        // As where the check was claimed between the mark and its commit.
        await Database.ExecuteAsync("update verification set began_at = clock_timestamp()");
        Assert.Equal(VerificationState.Pending, await new CheckResults(Database.Source).FinishAsync(claim!, Nothing, Stop));
        Assert.Equal(1L, await Checks.WaitingAsync(mark, Stop));
        claim = await Checks.ClaimAsync(worker, deep: true, automatic: true, Stop);
        await new CheckResults(Database.Source).FinishAsync(claim!, Nothing, Stop);
        Assert.Equal(0L, await Checks.WaitingAsync(mark, Stop));
        var outcome = await Checks.OutcomeAsync(null, RowFilter.All, mark, Stop);
        Assert.Equal((1L, 0), (outcome.Repositories, outcome.NotChecked.Count));
    }

    [Fact]
    public async Task Ask_RepositoryThatWasNeverSynced_GetsARow()
    {
        await Database.ExecuteAsync("insert into repository (name, state) values ('new', 3)");
        Assert.Equal(1L, (await Checks.AskAsync("new", RowFilter.All, false, Stop)).Marked);
        Assert.Equal(0L, (await Checks.AskAsync("none", RowFilter.All, false, Stop)).Marked);
        Assert.NotNull(await Checks.ClaimAsync(await WorkerAsync(), deep: false, automatic: false, Stop));
    }

    [Fact]
    public async Task FreeDead_LostLease_IsTakenAgainWholeAndTheLateOutcomeIsRefused()
    {
        await RepositoryAsync("a");
        var (dead, next) = (await WorkerAsync(), await WorkerAsync());
        await Checks.AskAsync("a", RowFilter.All, deep: true, Stop);
        var late = await Checks.ClaimAsync(dead, deep: true, automatic: true, Stop);
        Assert.Equal(0, await Checks.FreeDeadAsync(Stop));
        await Database.ExecuteAsync($"update worker set lease_until = clock_timestamp() where id = '{dead}'");
        Assert.Equal(1, await Checks.FreeDeadAsync(Stop));
        var taken = await Checks.ClaimAsync(next, deep: true, automatic: true, Stop);
        Assert.Equal(CheckScope.Deep, taken?.Scope);
        Assert.Null(await new CheckResults(Database.Source).FinishAsync(late!, Nothing, Stop));
        Assert.Equal(VerificationState.Succeeded, await new CheckResults(Database.Source).FinishAsync(taken!, Nothing, Stop));
        Assert.Equal(0L, await Database.ScalarAsync<long>("select count(*) from verification where asked_at is not null or deep_at is null"));
    }

    [Fact]
    public async Task Ask_ByFilter_TakesTheNameAsItIsWritten()
    {
        foreach (var name in new[] { "team/a", "team/b_c", "other/bxc" })
            await RepositoryAsync(name);
        Assert.Equal(1L, (await Checks.AskAsync(null, new(Search: "b_c"), false, Stop)).Marked);
        Assert.Equal(2L, (await Checks.AskAsync(null, new(RepositoryState.Synced, "team/"), false, Stop)).Marked);
        Assert.Equal(0L, (await Checks.AskAsync(null, new(RepositoryState.Failed), false, Stop)).Marked);
        Assert.Equal(0L, (await Checks.AskAsync("no such '; drop table damage; --\0", RowFilter.All, false, Stop)).Marked);
    }

    private static CheckResult Nothing => new([], new HashSet<string>(), [], new(0, 0, 0, 0, 0), true);

    private async Task SyncAsync(Guid worker)
    {
        await Database.ExecuteAsync("update repository set state = 0, full_wanted = 0, full_done = 0");
        var claims = new Claims(Database.Source);
        var claim = Assert.Single(await claims.ClaimAsync(worker, Transition.Backfill, 1, Stop));
        Assert.Equal(RepositoryState.Synced, await claims.FinishAsync(claim, new(null, null, false), 0, Stop));
    }

    private async Task<Guid> WorkerAsync()
    {
        var id = Guid.NewGuid();
        await Database.ExecuteAsync($"insert into worker (id, node, slots, lease_until) values ('{id}', 'node', 8, clock_timestamp() + interval '5 minutes')");
        return id;
    }

    private async Task<long> RepositoryAsync(string name)
    {
        await Database.ExecuteAsync($"insert into repository (name, state) values ('{name}', 2); insert into verification (repository_id) select id from repository where name = '{name}'");
        return await Database.ScalarAsync<long>($"select id from repository where name = '{name}'");
    }
}
