using GeoDR.Core.Tests.Postgres;
using GeoDR.Deletion;
using GeoDR.EventLog;
using GeoDR.SyncState;

namespace GeoDR.Core.Tests.Deletion;

/// <summary>A candidate's states, on PostgreSQL alone.</summary>
public sealed class DeletionQueueTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private static readonly TimeSpan s_minute = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_week = TimeSpan.FromDays(7);

    private DeletionQueue Queue => new(Database.Source);

    private Deletions Deletions => new(Database.Source);

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await Database.ExecuteAsync("""
            insert into repository (name) values ('a');
            insert into tag (repository, name, digest) values ('a', 'v1', 'sha256:x'), ('a', 'v2', 'sha256:y');
            """);
    }

    [Fact]
    public async Task Quarantine_LastsFromTheEvent_AndFollowsTheSettings()
    {
        await MarkAsync(1, EventKinds.Delete, "v1");
        await Queue.QuarantineAsync(s_week, Stop);
        Assert.Equal(["v1 quarantined sha256:x"], await Database.ColumnAsync<string>("select concat_ws(' ', reference, state, digest) from waiting_deletion"));
        Assert.Empty(await Queue.TakeDueAsync(Stop));
        await AgeAsync("6 days 23 hours");
        Assert.Empty(await Queue.TakeDueAsync(Stop));
        await AgeAsync("2 hours");
        Assert.Equal("v1", Assert.Single(await Queue.TakeDueAsync(Stop)).Reference);

        await Queue.QuarantineAsync(TimeSpan.FromDays(30), Stop);
        Assert.Empty(await Queue.TakeDueAsync(Stop));
        await Queue.QuarantineAsync(null, Stop);
        Assert.Equal(["seen"], await StatesAsync());
        Assert.Empty(await Queue.TakeDueAsync(Stop));
        // "never" is the policy; an operator's word is more.
        Assert.Equal(1, await Deletions.ReleaseAsync(new(Repository: "a", Tag: "v1"), "ann", Stop));
        await Queue.QuarantineAsync(null, Stop);
        Assert.Equal("ann", Assert.Single(await Queue.TakeDueAsync(Stop)).ReleasedBy);
    }

    [Fact]
    public async Task Missed_TwiceAndAMinuteApart_IsConfirmed()
    {
        await MarkAsync(1, EventKinds.Delete, "v1");
        await Queue.QuarantineAsync(TimeSpan.Zero, Stop);
        var rows = await Queue.TakeDueAsync(Stop);
        await Queue.MissedAsync(rows, s_minute, Stop);
        await Queue.MissedAsync(rows, s_minute, Stop);
        Assert.Equal(["quarantined"], await StatesAsync());
        Assert.Empty(await Queue.TakeDueAsync(Stop));
        await Database.ExecuteAsync("update waiting_deletion set missed_at = missed_at - interval '59 seconds'");
        await Queue.MissedAsync(rows, s_minute, Stop);
        Assert.Equal(["quarantined"], await StatesAsync());
        await Database.ExecuteAsync("update waiting_deletion set missed_at = missed_at - interval '2 seconds'");
        await Queue.MissedAsync(rows, s_minute, Stop);
        Assert.Equal(["confirmed"], await StatesAsync());
    }

    [Fact]
    public async Task TakeDue_EightAtOnce_GivesEachCandidateToOne()
    {
        await Database.ExecuteAsync("insert into repository (name) select 'r' || i from generate_series(1, 5) i");
        await Database.ExecuteAsync("insert into waiting_deletion (repository_id, reference, event_id) select id, t, 1 from repository, unnest(array['x', 'y']) t where name <> 'a'");
        await Queue.QuarantineAsync(TimeSpan.Zero, Stop);
        var taken = (await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Queue.TakeDueAsync(Stop)))).SelectMany(t => t).ToList();
        while (await Queue.TakeDueAsync(Stop) is { Count: > 0 } more)
            taken.AddRange(more);
        Assert.Equal(10, taken.Count);
        Assert.Equal(10, taken.Select(t => t.Id).Distinct().Count());
    }

    [Theory]
    [InlineData("update site set paused = true")]
    [InlineData("update site set role = 'primary'")]
    [InlineData("insert into outage (peer, kind, detail) values ('primary registry', 'unreachable', 'x')")]
    public async Task TakeDue_WhereNothingMayBeDone_TakesNothing(string change)
    {
        await MarkAsync(1, EventKinds.Delete, "v1");
        await Queue.QuarantineAsync(TimeSpan.Zero, Stop);
        await Database.ExecuteAsync(change);
        Assert.Empty(await Queue.TakeDueAsync(Stop));
        await Database.ExecuteAsync("update waiting_deletion set state = 'approved'");
        Assert.Null(await Queue.NextApprovedAsync(Stop));
    }

    [Fact]
    public async Task PushEvent_OfTheTag_EndsItsDeletion_AndADeletionAfterItBeginsAnew()
    {
        await MarkAsync(1, EventKinds.Delete, "v1");
        await Database.ExecuteAsync("update waiting_deletion set state = 'approved'");
        await MarkAsync(2, EventKinds.Push, "v1");
        Assert.Empty(await StatesAsync());
        await MarkAsync(3, EventKinds.Delete, "v1");
        await Database.ExecuteAsync("update waiting_deletion set state = 'confirmed', missed_at = now(), confirmed_at = now(), recorded_at = now() - interval '7 days'");
        // The same event read again changes nothing.
        await MarkAsync(3, EventKinds.Delete, "v1");
        Assert.Equal(["confirmed"], await StatesAsync());
        // A push and a deletion within one page of the log leave only the deletion to see.
        await MarkAsync(5, EventKinds.Delete, "v1");
        await Queue.QuarantineAsync(s_week, Stop);
        Assert.Equal(["quarantined"], await StatesAsync());
        Assert.True(await Database.ScalarAsync<bool>("select until > now() + interval '6 days' and missed_at is null and confirmed_at is null from waiting_deletion"));
    }

    [Fact]
    public async Task Keep_Stays_WhateverIsDeletedLater_UntilReleased()
    {
        await MarkAsync(1, EventKinds.Delete, "v1", "v2");
        await Queue.QuarantineAsync(TimeSpan.Zero, Stop);
        Assert.Equal(1, await Deletions.KeepAsync(new(Repository: "a", Tag: "v1"), "ann", Stop));
        Assert.Equal(0, await Deletions.KeepAsync(new(Repository: "a", Tag: "v1"), "bob", Stop));
        Assert.Equal(0, await Deletions.KeepAsync(new(Repository: "b"), "bob", Stop));
        await MarkAsync(9, EventKinds.Delete, "v1");
        await Queue.QuarantineAsync(TimeSpan.Zero, Stop);
        Assert.Equal("v2", Assert.Single(await Queue.TakeDueAsync(Stop)).Reference);
        Assert.Equal(1, await Deletions.ReleaseAsync(new(Repository: "a", Tag: "v1"), "bob", Stop));
        Assert.Equal("v1", Assert.Single(await Queue.TakeDueAsync(Stop)).Reference);
        Assert.Equal(["ann kept v1", "bob released v1"], await Database.ColumnAsync<string>("select concat_ws(' ', who, what, reference) from audit order by id"));
    }

    [Fact]
    public async Task Say_WithoutSayingWhich_IsRefused() =>
        await Assert.ThrowsAsync<ArgumentException>(() => Deletions.ReleaseAsync(new(), "ann", Stop));

    [Fact]
    public async Task Listing_RecordsWhatItLacks_AndDropsWhatItHas()
    {
        await Database.ExecuteAsync($"insert into worker (id, node, slots, lease_until) values ('{Guid.Empty}', 'n', 1, now() + interval '5 minutes')");
        await Database.ExecuteAsync("insert into waiting_deletion (repository_id, reference, event_id, state) select id, 'v2', 7, 'approved' from repository");
        var claim = Assert.Single(await new Claims(Database.Source).ClaimAsync(Guid.Empty, Transition.Backfill, 1, Stop));
        await Database.ExecuteAsync("insert into waiting_deletion (repository_id, reference, event_id) select id, 'v3', 8 from repository");
        var listed = new ListedTags(Database.Source);
        await listed.CompareAsync(claim with { Token = claim.Token - 1 }, ["v2", "v3"], ["v1"], Stop);
        Assert.Equal(["v2", "v3"], await Database.ColumnAsync<string>("select reference from waiting_deletion order by 1"));
        await listed.CompareAsync(claim, ["v2", "v3"], ["v1"], Stop);
        // v3 was deleted after the claim, and so perhaps after the listing.
        Assert.Equal(["v1 seen", "v3 8 seen"], await Database.ColumnAsync<string>("select concat_ws(' ', reference, event_id, state) from waiting_deletion order by 1"));
    }

    [Fact]
    public async Task ClaimOne_OfAStartedRow_IsRefused_AndAFreeOneGoesBackToWhereItWas()
    {
        var claims = new Claims(Database.Source);
        await Database.ExecuteAsync($"insert into worker (id, node, slots, lease_until) values ('{Guid.Empty}', 'n', 1, now() + interval '5 minutes')");
        var id = await Database.ScalarAsync<long>("select id from repository");
        var claim = await claims.ClaimOneAsync(Guid.Empty, id, Stop);
        Assert.NotNull(claim);
        Assert.Null(await claims.ClaimOneAsync(Guid.Empty, id, Stop));
        // It wants a full sync still; the deletion's end must not hide that.
        Assert.Equal(RepositoryState.Pending, await claims.FinishAsync(claim, new WorkResult(null, null, false), 0, Stop));
    }

    private Task<List<string>> StatesAsync() => Database.ColumnAsync<string>("select state from waiting_deletion order by reference");

    private Task AgeAsync(string by) => Database.ExecuteAsync($"""
        update waiting_deletion set recorded_at = recorded_at - interval '{by}', until = until - interval '{by}', next_at = next_at - interval '{by}'
        """);

    private async Task MarkAsync(long id, string kind, params string[] tags)
    {
        await using var connection = await Database.Source.OpenConnectionAsync(Stop);
        await Marking.MarkAsync(
            connection, [.. tags.Select((t, i) => new LoggedEvent(id + i, 0, kind, "a", t, kind == EventKinds.Push ? "sha256:z" : null, null, null, TimeSpan.Zero))], _ => false, Stop);
    }
}
