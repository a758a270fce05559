using GeoDR.Core.Tests.EventLog;
using GeoDR.Core.Tests.Postgres;
using GeoDR.EventLog;
using GeoDR.Failover;
using GeoDR.Selection;
using GeoDR.Sites;
using GeoDR.SyncState;
using GeoDR.Tailing;
using GeoDR.Tokens;

namespace GeoDR.Core.Tests.Failover;

/// <summary>The transactions that change what a site is.</summary>
public sealed class RoleChangeTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private readonly SiteKey _key = SiteKey.Create();

    private RoleChange Roles => new(Database.Source, TimeProvider.System);

    private SiteStore Sites => new(Database.Source);

    [Fact]
    public async Task Promote_EndsClaimsAndLeases_AndOpensALogThatBeginsWithTheTerm()
    {
        await Database.ExecuteAsync("insert into repository (name) values ('a'), ('b')");
        var lease = new WorkerLease(Database.Source, "node", 2, TimeSpan.FromSeconds(30), TimeProvider.System);
        await lease.RenewAsync(Stop);
        var claims = new Claims(Database.Source);
        var claim = Assert.Single(await claims.ClaimAsync(lease.Current.Id, Transition.Backfill, 1, Stop));
        var promotion = Guid.NewGuid();
        await Roles.PromoteAsync(_key, promotion, "tester", Stop);

        var site = (await Sites.ReadAsync(Stop))!;
        Assert.Equal((Site.Primary, 1L, promotion), (site.Role, site.Epoch, site.Promotion!.Value));
        Assert.Null(await claims.FinishAsync(claim, new WorkResult(null, null, false), 0, Stop));
        await lease.RenewAsync(Stop);
        Assert.Equal(TimeSpan.Zero, lease.Left(lease.Current.Id));
        Assert.Empty(await claims.ClaimAsync(lease.Current.Id, Transition.Backfill, 1, Stop));
        var page = await new LogReader(Database.Source).ReadAsync(0, 10, TimeSpan.Zero, Stop);
        var first = Assert.Single(page!.Events);
        Assert.Equal((EventKinds.Term, first.Id), (first.Kind, page.Log.Floor));

        // Again after a crash: nothing more.
        await Roles.PromoteAsync(_key, promotion, "tester", Stop);
        Assert.Equal(1L, await Database.ScalarAsync<long>("select count(*) from event"));
        await Assert.ThrowsAsync<RoleChangedException>(() => Roles.PromoteAsync(_key, Guid.NewGuid(), "tester", Stop));
        Assert.Equal(1L, await Database.ScalarAsync<long>("select count(*) from audit where what = 'promote'"));
    }

    [Fact]
    public async Task Promote_OfARunThatAnotherNodeUndid_ChangesNothing()
    {
        var (runs, promotion) = (new FailoverRuns(Database.Source), Guid.NewGuid());
        await runs.BeginAsync(promotion, "promote", true, "fence", "{}", "tester", "slept", TimeSpan.Zero, Stop);
        await runs.TakeAsync("awake", TimeSpan.FromMinutes(1), Stop);
        Assert.True(await runs.AdvanceAsync(promotion, "awake", TimeSpan.FromMinutes(1), FailoverRuns.Undo, "{}", "running", Stop));
        await Assert.ThrowsAsync<RoleChangedException>(() => Roles.PromoteAsync(_key, promotion, "tester", Stop));
        Assert.Empty(await runs.UndoneAsync(Stop));
        await runs.AdvanceAsync(promotion, "awake", TimeSpan.FromMinutes(1), FailoverRuns.Undo, "{}", "undone", Stop);
        await Assert.ThrowsAsync<RoleChangedException>(() => Roles.PromoteAsync(_key, promotion, "tester", Stop));
        Assert.Equal([promotion], await runs.UndoneAsync(Stop));
        Assert.Equal(Site.Secondary, (await Sites.ReadAsync(Stop))!.Role);
    }

    [Fact]
    public async Task Promote_AfterATimeAsAPrimary_OpensAnotherLogWithAHigherEpoch()
    {
        await Roles.PromoteAsync(_key, Guid.NewGuid(), "tester", Stop);
        await new LogAppender(Database.Source).AppendAsync(Events.Many("a", 3), [], Stop);
        var before = await new LogReader(Database.Source).ReadAsync(0, 10, TimeSpan.Zero, Stop);
        var other = await HearAsync("madrid", 2);
        await Roles.FollowAsync("madrid", other, "tester", Stop);
        await Roles.PromoteAsync(_key, Guid.NewGuid(), "tester", Stop);
        var after = (await new LogReader(Database.Source).ReadAsync(0, 10, TimeSpan.Zero, Stop))!;
        Assert.NotEqual(before!.Log.LogId, after.Log.LogId);
        Assert.Equal(3L, (await Sites.ReadAsync(Stop))!.Epoch);
        // Whoever begins to follow it starts there, and not in the log before.
        Assert.Equal((after.Log.LogId, after.Log.Floor), await new LogReader(Database.Source).PositionBeforeAsync(TimeSpan.FromMinutes(1), Stop) is { } at ? (at.LogId, at.EventId) : default);
    }

    [Fact]
    public async Task Follow_OfAPrimary_HoldsWhatItsInventorySays_AndComparesFirst()
    {
        await Roles.PromoteAsync(_key, Guid.NewGuid(), "tester", Stop);
        await Database.ExecuteAsync("""
            insert into tag (repository, name, digest) values ('a', 'v1', 'sha256:1'), ('b', 'v1', 'sha256:2');
            insert into repository (name) values ('b'), ('old');
            """);
        var other = await HearAsync("madrid", 2);
        await Roles.FollowAsync("madrid", other, "tester", Stop);
        await Roles.FollowAsync("madrid", other, "tester", Stop);
        var site = (await Sites.ReadAsync(Stop))!;
        Assert.Equal((Site.Secondary, "madrid", "registry", 2L), (site.Role, site.Follows, site.Comparing, site.Epoch));
        Assert.Equal(["a", "b", "old"], await Database.ColumnAsync<string>("select name from repository where state = 2 order by name"));
        await Assert.ThrowsAsync<RoleChangedException>(() => Roles.FollowAsync(site.Name, Guid.NewGuid(), "tester", Stop));

        // Nothing is claimed until it was compared, and no process that knows another primary gets a lease.
        await Database.ExecuteAsync("update repository set state = 0");
        var stale = new WorkerLease(Database.Source, "stale", 2, TimeSpan.FromSeconds(30), TimeProvider.System);
        await stale.RenewAsync(Stop);
        Assert.Equal(Guid.Empty, stale.Current.Id);
        var lease = new WorkerLease(Database.Source, "node", 2, TimeSpan.FromSeconds(30), TimeProvider.System, "madrid");
        await lease.RenewAsync(Stop);
        var claims = new Claims(Database.Source);
        Assert.Empty(await claims.ClaimAsync(lease.Current.Id, Transition.Backfill, 10, Stop));
        await Database.ExecuteAsync("update site set comparing = null");
        Assert.Equal(3, (await claims.ClaimAsync(lease.Current.Id, Transition.Backfill, 10, Stop)).Count);
    }

    [Fact]
    public async Task Follow_OfASecondary_KeepsWhatWaits_AndTheOldTailerBeginsNothing()
    {
        await Database.ExecuteAsync("""
            insert into repository (name) values ('a');
            insert into waiting_reference (repository_id, reference, event_id) select id, 'v1', 77 from repository;
            insert into cursor (log_id, event_id, event_key, head, beat_at) values (gen_random_uuid(), 77, 1, 77, now());
            """);
        await Roles.FollowAsync("madrid", await HearAsync("madrid", 2), "tester", Stop);
        Assert.Equal("inventory", (await Sites.ReadAsync(Stop))!.Comparing);
        Assert.Equal([0L], await Database.ColumnAsync<long>("select event_id from waiting_reference"));
        // This database's own log stands for the old primary's.
        await new LogAppender(Database.Source).EnsureLogAsync(Stop);
        await new LogAppender(Database.Source).AppendAsync(Events.Many("a", 1), [], Stop);
        Assert.Equal(TailOutcome.Overtaken, await new Tailer(new LogReader(Database.Source), Database.Source, SiteSelection.All).RunOnceAsync(Stop));
        Assert.Equal(0L, await Database.ScalarAsync<long>("select count(*) from cursor"));
        Assert.Equal(TailOutcome.Repositioned, await new Tailer(new LogReader(Database.Source), Database.Source, SiteSelection.All, "madrid").RunOnceAsync(Stop));
        Assert.Equal(0L, await Database.ScalarAsync<long>("select count(*) from request"));
    }

    [Fact]
    public async Task RaiseAgain_OnlyOnAPrimary()
    {
        await Assert.ThrowsAsync<RoleChangedException>(() => Roles.RaiseAgainAsync(_key, "tester", Stop));
        await Roles.PromoteAsync(_key, Guid.NewGuid(), "tester", Stop);
        await HearAsync("madrid", 1);
        Assert.True((await Sites.ReadAsync(Stop))!.IsFenced);
        await Roles.RaiseAgainAsync(_key, "tester", Stop);
        var site = (await Sites.ReadAsync(Stop))!;
        Assert.Equal((2L, false), (site.Epoch, site.IsFenced));
    }

    private async Task<Guid> HearAsync(string name, long epoch)
    {
        var (key, promotion, book) = (SiteKey.Create(), Guid.NewGuid(), new SiteBook(Database.Source));
        await book.SetAsync([new(name, null, key.PublicPem, true, false, "settings", null)], Stop);
        Assert.Null((await new TermStore(Database.Source, book).HearAsync(TermToken.Sign(key, new(epoch, promotion, name), TimeProvider.System.GetUtcNow()), Stop)).Refused);
        return promotion;
    }
}
