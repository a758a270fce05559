using GeoDR.Core.Tests.Postgres;
using GeoDR.Inventory;
using GeoDR.SyncState;
using GeoDR.Verification;

namespace GeoDR.Core.Tests.Verification;

public sealed class CheckResultsTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private const string Blob = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    private const string Root = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    private Guid _worker;

    private Checks Checks => new(Database.Source);

    private CheckResults Results => new(Database.Source);

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _worker = Guid.NewGuid();
        await Database.ExecuteAsync($"""
            insert into worker (id, node, slots, lease_until) values ('{_worker}', 'node', 8, clock_timestamp() + interval '5 minutes');
            insert into repository (name, state, full_wanted) values ('a', 2, 0);
            insert into verification (repository_id) select id from repository;
            insert into tag (repository, name, digest) values ('a', 'v1', '{Root}'), ('a', 'v2', '{Root}');
            insert into manifest (repository, digest) values ('a', '{Root}')
            """);
    }

    [Fact]
    public async Task Finish_SomethingMissing_IsFailedAndOrderedFromTheSync()
    {
        Assert.Equal(VerificationState.Failed, await CheckAsync(Missing(Blob, "v1", "v2")));
        // One tag brings the blob back; the other stays known.
        Assert.Equal(["v1"], await Database.ColumnAsync<string>("select reference from waiting_reference"));
        Assert.Equal(["v2"], await Database.ColumnAsync<string>("select name from tag"));
        Assert.Equal(0L, await Database.ScalarAsync<long>("select count(*) from manifest"));
        Assert.Equal((short)0, await Database.ScalarAsync<short>("select state from repository"));
        var claim = Assert.Single(await new Claims(Database.Source).ClaimAsync(_worker, Transition.Backfill, 1, Stop));
        Assert.True(claim.HasDamage);
        Assert.Equal([Blob], await new InventoryStore(Database.Source).DamagedAsync(claim.Id, Stop));
    }

    [Fact]
    public async Task Finish_WhileTheSyncWorks_LeavesTheOrderToItsNextClaim()
    {
        var check = await ClaimAsync();
        await Database.ExecuteAsync("update repository set state = 0");
        var claims = new Claims(Database.Source);
        var running = Assert.Single(await claims.ClaimAsync(_worker, Transition.Backfill, 1, Stop));
        await Results.FinishAsync(check, Found(Missing(Blob, "v1")), Stop);
        // The running claim remembers the blob as present.
        Assert.False(running.HasDamage);
        Assert.Empty(await new References(Database.Source).TakeDueAsync(running, Stop));
        Assert.Equal(RepositoryState.Pending, await claims.FinishAsync(running, new(null, null, false), 0, Stop));
        var next = Assert.Single(await claims.ClaimAsync(_worker, Transition.Fresh, 1, Stop));
        Assert.True(next.HasDamage);
        Assert.Equal("v1", Assert.Single(await new References(Database.Source).TakeDueAsync(next, Stop)).Reference);
    }

    [Theory]
    [InlineData("insert into waiting_reference (repository_id, reference, event_id) select id, 'v1', 7 from repository")]
    [InlineData("update tag set digest = 'sha256:new' where name = 'v1'")]
    [InlineData("delete from tag where name = 'v1'")]
    public async Task Finish_TheTagChangesMeanwhile_IsNoFinding(string change)
    {
        var check = await ClaimAsync();
        await Database.ExecuteAsync(change);
        Assert.Equal(VerificationState.Succeeded, await Results.FinishAsync(check, Found(Missing(Blob, "v1")), Stop));
        Assert.Equal(0L, await Database.ScalarAsync<long>("select count(*) from damage"));
    }

    [Fact]
    public async Task Finish_DamagedAgainAfterItWasSent_SaysWhatToDoAndOrdersNoMore()
    {
        Finding finding = new(Blob, DamageKind.Damaged, "its bytes differ", [new("v1", Root)]);
        await CheckAsync(finding);
        Assert.Equal([Blob], await new InventoryStore(Database.Source).DamagedAsync(1, Stop));
        await SyncedAsync();
        Assert.Equal(VerificationState.Failed, await CheckAsync(finding));
        Assert.Equal((short)2, await Database.ScalarAsync<short>("select state from repository"));
        Assert.Contains($"blobs/sha256/bb/{Blob[7..]}/data", await Database.ScalarAsync<string>("select failure from verification"), StringComparison.Ordinal);
        // Who asks has done something about it.
        await Checks.AskAsync("a", RowFilter.All, deep: false, Stop);
        await CheckAsync(finding);
        Assert.Equal((short)0, await Database.ScalarAsync<short>("select state from repository"));
    }

    [Fact]
    public async Task Finish_FoundWell_IsHealed_AndOnlyOnceItWasLookedAt()
    {
        await CheckAsync(Missing(Blob, "v1"));
        // The order still waits, and so the blob was not looked at.
        await Database.ExecuteAsync("update repository set state = 2; update verification set state = 0");
        Assert.Equal(VerificationState.Failed, await CheckAsync());
        await SyncedAsync();
        Assert.Equal(VerificationState.Succeeded, await CheckAsync());
        Assert.Equal(1L, await Database.ScalarAsync<long>("select count(*) from damage where healed_at is not null and not ordered"));
        Assert.False(await Database.ScalarAsync<bool>("select healing from verification"));
    }

    [Fact]
    public async Task Finish_MoreTagsThanReferencesAreKept_WantsAFullSync()
    {
        await Database.ExecuteAsync($"insert into tag (repository, name, digest) select 'a', 't' || i, '{Root}' from generate_series(1, 600) i");
        await CheckAsync([.. Enumerable.Range(1, 600).Select(i => Missing($"t{i}", $"t{i}"))]);
        Assert.Equal(0L, await Database.ScalarAsync<long>("select count(*) from waiting_reference"));
        Assert.True(await Database.ScalarAsync<bool>("select full_wanted > full_done from repository"));
        Assert.Equal(["v1", "v2"], await Database.ColumnAsync<string>("select name from tag order by name"));
    }

    [Fact]
    public async Task Broke_SaysWhy_AndIsTriedAgain()
    {
        await Results.BrokeAsync(await ClaimAsync(), "502 from a proxy\0", Stop);
        Assert.Equal("could not be checked: 502 from a proxy", await Database.ScalarAsync<string>("select failure from verification where state = 3"));
        await Database.ExecuteAsync("update verification set retry_at = clock_timestamp()");
        Assert.Equal(1, await Checks.RetryDueAsync(Stop));
    }

    private static Finding Missing(string subject, params string[] tags) =>
        new(subject, DamageKind.Missing, $"{subject} is missing", [.. tags.Select(t => new FoundUnder(t, Root))]);

    private static CheckResult Found(params Finding[] findings) => new(findings, new HashSet<string>(), [], new(1, 1, 1, 1, 1), true);

    private async Task<ClaimedCheck> ClaimAsync() => (await Checks.ClaimAsync(_worker, deep: false, automatic: true, Stop))!;

    private async Task<VerificationState?> CheckAsync(params Finding[] findings) => await Results.FinishAsync(await ClaimAsync(), Found(findings), Stop);

    private Task SyncedAsync() => Database.ExecuteAsync($"""
        delete from waiting_reference; update repository set state = 2; update verification set state = 0;
        insert into tag (repository, name, digest) values ('a', 'v1', '{Root}') on conflict do nothing
        """);
}
