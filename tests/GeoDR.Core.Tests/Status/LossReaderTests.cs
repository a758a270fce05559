using GeoDR.Core.Tests.EventLog;
using GeoDR.Core.Tests.Postgres;
using GeoDR.Core.Tests.Sync;
using GeoDR.Core.Tests.Tailing;
using GeoDR.Status;
using GeoDR.SyncState;
using GeoDR.Tailing;

namespace GeoDR.Core.Tests.Status;

/// <summary>What would be lost now, as a secondary that follows a real log knows it.</summary>
public sealed class LossReaderTests(PostgresFixture postgres) : TailerTest(postgres)
{
    private const string Other = "sha256:2222222222222222222222222222222222222222222222222222222222222222";

    private LossReader Loss => new(Database.Source);

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await TailAsync();
        await Database.ExecuteAsync("update request set status = 'done'");
    }

    [Fact]
    public async Task Loss_PushesKnownAndNotHere_AreListedWithWhatIsKnownOfThem()
    {
        await PushAsync(Events.Push("a", "v1", bytes: 1000), Events.Push("a", "v2", bytes: null), Events.Push("b", null, bytes: 24));
        var summary = await Loss.SummaryAsync(Stop);
        Assert.Equal((3L, 1024L, 1L, 2L), (summary.Pushes, summary.KnownBytes, summary.UnknownSizes, summary.NotCompared));
        Assert.True(summary is { Fresh: true, BackfillRunning: false, Problem: null });
        Assert.InRange(summary.WindowSeconds!.Value, 0, 5);
        Assert.InRange(summary.OldestSeconds!.Value, 0, 30);
        var page = await Loss.PageAsync(null, 10, Stop);
        Assert.Equal(
            [("a", "v1", Events.Digest, 1000L), ("a", "v2", Events.Digest, null), ("b", Events.Digest, Events.Digest, 24L)],
            page!.Items.Select(i => (i.Repository, i.Reference, i.Digest!, i.Bytes)));
        Assert.Null(page.Next);
    }

    [Fact]
    public async Task Loss_WhatIsHereOrWasNoPush_IsNotListed()
    {
        await PushAsync(Events.Push("a", "here"), Events.Push("a", "moved"), Events.Push("a", null, digest: Other), Events.Push("a", "deleted"));
        await PushAsync(Events.Delete("a", "deleted"));
        await Database.ExecuteAsync($"""
            insert into tag (repository, name, digest) values ('a', 'here', '{Events.Digest}'), ('a', 'moved', '{Other}');
            insert into manifest (repository, digest) values ('a', '{Other}');
            insert into waiting_reference (repository_id, reference, event_id) select id, 'by a full sync', 0 from repository
            """);
        Assert.Equal(["moved"], (await Loss.PageAsync(null, 10, Stop))!.Items.Select(i => i.Reference));
        Assert.Equal(1, (await Loss.SummaryAsync(Stop)).Pushes);
    }

    [Fact]
    public async Task Loss_PushThatWasReadLate_IsAsOldAsThePrimaryHasIt()
    {
        await AppendAsync(Events.Push("a", "v1"));
        await Primary.ExecuteAsync("update event set received_at = clock_timestamp() - interval '1 hour'");
        await TailAsync();
        Assert.InRange((await Loss.SummaryAsync(Stop)).OldestSeconds!.Value, 3600, 3700);
        Assert.InRange(Assert.Single((await Loss.PageAsync(null, 10, Stop))!.Items).AgeSeconds, 3600, 3700);
        // The status measures the same, also when the tag was pushed again since, and read in one page with the first.
        await AppendAsync(Events.Push("a", "v1", digest: Other), Events.Push("b", "v1"), Events.Push("b", "v1", digest: Other));
        await Primary.ExecuteAsync("update event set received_at = clock_timestamp() - interval '2 hours' where id = 3");
        await TailAsync();
        Assert.Equal([("a", 1), ("b", 2)], (await Loss.PageAsync(null, 10, Stop))!.Items.Select(i => (i.Repository, (int)(i.AgeSeconds / 3600))));
        var status = await new StatusReader(Database.Source, TimeProvider.System).ReadAsync(Stop);
        Assert.Equal(status!.Loss!.OldestSeconds, status.OldestUnsyncedSeconds);
        Assert.InRange(status.OldestUnsyncedSeconds!.Value, 7200, 7300);
    }

    [Fact]
    public async Task Summary_AskedForByMany_IsCountedOnceAndSaysItsAge()
    {
        await PushAsync(Events.Push("a", "v1"));
        var time = new JumpingTime(TimeProvider.System.GetUtcNow());
        var loss = new LossReader(Database.Source, time);
        Assert.Equal((1L, 0d), ((await loss.SummaryAsync(Stop)).Pushes, (await loss.SummaryAsync(Stop)).CountedSecondsAgo));
        await PushAsync(Events.Push("a", "v2"));
        time.Jump(TimeSpan.FromSeconds(0.9));
        var again = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => loss.SummaryAsync(Stop)));
        Assert.All(again, s => Assert.Equal((1L, 0.9), (s.Pushes, s.CountedSecondsAgo)));
        time.Jump(TimeSpan.FromSeconds(0.2));
        Assert.Equal((2L, 0d), ((await loss.SummaryAsync(Stop)).Pushes, (await loss.SummaryAsync(Stop)).CountedSecondsAgo));
    }

    [Fact]
    public async Task Page_ByPage_GivesEachOnceWhilePushesGo()
    {
        await PushAsync([.. Events.Many("a", 3), .. Events.Many("b", 4)]);
        var (seen, after) = (new List<string>(), (string?)null);
        do
        {
            var page = await Loss.PageAsync(after, 2, Stop);
            seen.AddRange(page!.Items.Select(i => $"{i.Repository}:{i.Reference}"));
            after = page.Next;
            await Database.ExecuteAsync("delete from waiting_reference where reference = 't0'");
        }
        while (after is not null);
        Assert.Equal(["a:t0", "a:t1", "a:t2", "b:t1", "b:t2", "b:t3"], seen);
    }

    [Fact]
    public async Task Page_AfterWhatIsNoCursor_IsRefused()
    {
        foreach (var after in new[] { "x", "7", "/v1", "1/a\0b", "99999999999999999999/v1", "1 or 1=1/v1" })
            Assert.Null(await Loss.PageAsync(after, 10, Stop));
    }

    [Fact]
    public async Task Window_ByWhatTheCursorSays_IsSinceTheLogWasReadFresh()
    {
        foreach (var (cursor, fresh, seconds) in new (string, bool, int?)[]
        {
            ("head = event_id, lag_seconds = 0, beat_age = 0", true, 11),
            // The primary may have died right after it said that it lives: its registry went on.
            ("head = event_id, lag_seconds = 0, beat_age = 5", true, 16),
            ("head = event_id + 5, lag_seconds = 30, beat_age = 1", false, 41),
            ("head = event_id, lag_seconds = 0, beat_age = 90", false, 101),
            // The registry told its newest push 4 s late, just before: others may stand behind it.
            ("head = event_id, lag_seconds = 0, beat_age = 1, under_way = 4", true, 15),
            ("problem = 'an unknown kind of event'", false, null),
        })
        {
            await Database.ExecuteAsync($"update cursor set read_at = clock_timestamp() - interval '10 seconds', {cursor}");
            var summary = await Loss.SummaryAsync(Stop);
            Assert.Equal(fresh, summary.Fresh);
            if (seconds is { } expected)
                Assert.InRange(summary.WindowSeconds!.Value, expected, expected + 5);
            else
                Assert.Null(summary.WindowSeconds);
        }
    }

    [Fact]
    public async Task Summary_BeforeTheLogWasRead_SaysThatNothingIsKnown()
    {
        await Database.ExecuteAsync("delete from cursor; insert into request (kind, scope, created_by) values ('backfill', 'all', 'geodr')");
        Assert.True(await Loss.SummaryAsync(Stop) is { Pushes: 0, OldestSeconds: null, ReadSecondsAgo: null, WindowSeconds: null, Fresh: false, BackfillRunning: true });
    }

    [Fact]
    public async Task Sizes_ThatASenderMadeUp_OverflowNothing()
    {
        await PushAsync(Events.Push("a", "v1", bytes: long.MaxValue), Events.Push("a", "v2", bytes: long.MaxValue));
        Assert.Equal(long.MaxValue, (await Loss.SummaryAsync(Stop)).KnownBytes);
        var status = await new StatusReader(Database.Source, TimeProvider.System).ReadAsync(Stop);
        Assert.Equal((long.MaxValue, 2L), (status!.BytesWaiting, status.Loss!.Pushes));
        Assert.Equal(long.MaxValue, Assert.Single((await new RepositoryList(Database.Source).ListAsync(RowFilter.All, RepositoryOrder.ByName, null, false, 10, Stop)).Rows).BytesWaiting);
    }

    private async Task PushAsync(params IReadOnlyList<GeoDR.EventLog.NewEvent> events)
    {
        await AppendAsync(events);
        Assert.Equal(TailOutcome.UpToDate, await TailAsync());
    }
}
