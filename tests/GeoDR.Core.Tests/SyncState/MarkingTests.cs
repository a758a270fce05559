using GeoDR.Core.Tests.EventLog;
using GeoDR.Core.Tests.Postgres;
using GeoDR.EventLog;
using GeoDR.SyncState;

namespace GeoDR.Core.Tests.SyncState;

public sealed class MarkingTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private long _id;

    [Fact]
    public async Task Mark_UpToTheLimit_KeepsReferences_AndAboveItCollapsesIntoAFullSync()
    {
        await MarkAsync([.. Enumerable.Range(0, Marking.CollapseAbove).Select(i => Push("many", $"t{i}"))]);
        await Database.ExecuteAsync("update repository set full_done = full_wanted");
        Assert.Equal(Marking.CollapseAbove, await WaitingAsync());

        await MarkAsync([Push("many", "one-more"), Push("few", "t1")]);

        Assert.Equal(1, await WaitingAsync());
        Assert.Equal(["few"], await Database.ColumnAsync<string>("select r.name from waiting_reference w join repository r on r.id = w.repository_id"));
        Assert.True(await Database.ScalarAsync<bool>("select full_wanted > full_done and state = 0 from repository where name = 'many'"));
    }

    [Fact]
    public async Task Mark_SameReferenceInOnePage_NewestDecides()
    {
        await MarkAsync([Push("a", "v1", digest: "sha256:" + new string('1', 64)), Push("a", "v1", digest: "sha256:" + new string('2', 64))]);
        Assert.Equal(["sha256:" + new string('2', 64)], await Database.ColumnAsync<string>("select digest from waiting_reference"));
        Assert.Equal([2L], await Database.ColumnAsync<long>("select event_id from waiting_reference"));
    }

    [Fact]
    public async Task Mark_OlderEventAfterANewer_ChangesNothing()
    {
        var older = Push("a", "v1", digest: "sha256:" + new string('1', 64));
        await MarkAsync([Push("a", "v1", digest: "sha256:" + new string('2', 64))]);
        await MarkAsync([older]);
        Assert.Equal(["sha256:" + new string('2', 64)], await Database.ColumnAsync<string>("select digest from waiting_reference"));
    }

    [Fact]
    public async Task Mark_StartedRow_StaysStartedAndItsClaimTakesTheNewReference()
    {
        await MarkAsync([Push("a", "v1")]);
        await Database.ExecuteAsync($"insert into worker (id, node, slots, lease_until) values ('{Guid.Empty}', 'n', 1, 'infinity')");
        var claims = new Claims(Database.Source);
        var claim = Assert.Single(await claims.ClaimAsync(Guid.Empty, Transition.Fresh, 1, Stop));
        var references = new References(Database.Source);
        var first = Assert.Single(await references.TakeDueAsync(claim, Stop));

        await MarkAsync([Push("a", "v1")]);
        Assert.Equal(1, await Database.ScalarAsync<short>("select state from repository"));
        await references.DoneAsync(claim, first, null, Stop);

        // Done with what it knew of; the newer event still waits.
        Assert.Equal(2, Assert.Single(await references.TakeDueAsync(claim, Stop)).EventId);
        Assert.Equal(RepositoryState.Pending, await claims.FinishAsync(claim, new WorkResult(null, null, false), 0, Stop));
    }

    [Fact]
    public async Task Mark_SyncedAndFailedRows_ArePendingAgainAtOnce()
    {
        await Database.ExecuteAsync("""
            insert into repository (name, state, priority, retry_at) values ('synced', 2, 1, null), ('failed', 3, 1, clock_timestamp() + interval '1 hour')
            """);
        await MarkAsync([Push("synced", "v1"), Push("failed", "v1")]);
        Assert.Equal(2L, await Database.ScalarAsync<long>("select count(*) from repository where state = 0 and priority = 0 and retry_at is null"));
    }

    [Fact]
    public async Task Mark_DeleteAlone_DisturbsNoSyncedRow()
    {
        await Database.ExecuteAsync("insert into repository (name, state) values ('a', 2)");
        await MarkAsync([Event(Events.Delete("a", "v1"))]);
        Assert.Equal(2, await Database.ScalarAsync<short>("select state from repository"));
        Assert.Equal(1L, await Database.ScalarAsync<long>("select count(*) from waiting_deletion"));
    }

    [Fact]
    public async Task Mark_YoungEvent_IsFreshForTheRestOfItsMinute()
    {
        await MarkAsync([Push("a", "young") with { Age = TimeSpan.FromSeconds(20) }, Push("a", "old") with { Age = TimeSpan.FromMinutes(2) }]);
        Assert.InRange(await Database.ScalarAsync<double>(
            "select extract(epoch from fresh_until - clock_timestamp())::double precision from waiting_reference where reference = 'young'"), 30, 40.1);
        Assert.True(await Database.ScalarAsync<bool>("select fresh_until < clock_timestamp() from waiting_reference where reference = 'old'"));
    }

    private LoggedEvent Push(string repository, string tag, string digest = Events.Digest) => Event(Events.Push(repository, tag, digest: digest));

    private LoggedEvent Event(NewEvent e) => new(++_id, 1, e.Kind, e.Repository, e.Tag, e.Digest, e.MediaType, e.Bytes, TimeSpan.Zero);

    private async Task MarkAsync(IReadOnlyList<LoggedEvent> events)
    {
        await using var connection = await Database.Source.OpenConnectionAsync(Stop);
        await Marking.MarkAsync(connection, events, _ => false, Stop);
    }

    private Task<long> WaitingAsync() => Database.ScalarAsync<long>("select count(*) from waiting_reference");
}
