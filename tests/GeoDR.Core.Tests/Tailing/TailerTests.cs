using GeoDR.Core.Tests.EventLog;
using GeoDR.Core.Tests.Postgres;
using GeoDR.Tailing;
using Npgsql;

namespace GeoDR.Core.Tests.Tailing;

/// <summary>The tailer, whichever way it reads the log.</summary>
public abstract class TailerTests(PostgresFixture postgres) : TailerTest(postgres)
{
    [Fact]
    public async Task Run_WaitingForNews_EndsWithIt()
    {
        await FollowAsync(1);
        var advanced = AdvancedAsync();
        await AppendAsync(Events.Push("a", "v1"));
        await advanced.WaitAsync(TimeSpan.FromSeconds(15), Stop);
        Assert.Equal([1L, 2L], await SeenAsync());

        async Task AdvancedAsync()
        {
            while (await Tailer.RunOnceAsync(TimeSpan.FromSeconds(20), Stop) != TailOutcome.Advanced)
            {
            }
        }
    }

    [Fact]
    public async Task Run_ThatWaitedInVain_SaysWhenItReadAndNotWhenItAsked()
    {
        await FollowAsync(1);
        // The first only begins to listen, where there is a LISTEN.
        await Tailer.RunOnceAsync(TimeSpan.FromMilliseconds(1), Stop);
        var asked = await Database.ScalarAsync<DateTime>("select clock_timestamp()");
        Assert.Equal(TailOutcome.UpToDate, await Tailer.RunOnceAsync(TimeSpan.FromSeconds(1), Stop));
        Assert.InRange(await Database.ScalarAsync<DateTime>("select read_at from cursor") - asked, TimeSpan.FromSeconds(0.9), TimeSpan.FromSeconds(10));
        Assert.True(await Database.ScalarAsync<bool>("select read_at < clock_timestamp() from cursor"));
    }

    [Fact]
    public async Task Run_PrimaryWithoutALog_Waits()
    {
        await Primary.ExecuteAsync("delete from log");
        Assert.Equal(TailOutcome.NoLog, await Tailer.RunOnceAsync(Stop));
    }

    [Fact]
    public async Task Run_FreshSecondary_StartsAMinuteBackAndBackfills()
    {
        await AppendAsync(Events.Many("a", 6));
        await Primary.ExecuteAsync("update event set received_at = received_at - interval '2 minutes' where id <= 4");

        Assert.Equal(TailOutcome.Repositioned, await Tailer.RunOnceAsync(Stop));
        Assert.Equal(4, await CursorAsync());
        Assert.Equal(["first start"], await BackfillsAsync());
        Assert.Equal(TailOutcome.UpToDate, await TailAsync());
        Assert.Equal([5L, 6L], await SeenAsync());
    }

    [Fact]
    public async Task Run_NewestEventCameLate_SaysHowMuchMayBeUnderWay_UntilTheSenderIsQuiet()
    {
        await FollowAsync(1);
        await AppendAsync(Events.Many("a", 2));
        await Primary.ExecuteAsync("update event set occurred_at = received_at - interval '7 seconds'");
        await TailAsync();
        Assert.Equal(7, await Database.ScalarAsync<double>("select under_way from cursor"), 3);
        await Primary.ExecuteAsync("update event set received_at = received_at - interval '6 seconds', occurred_at = received_at - interval '13 seconds'");
        await TailAsync();
        Assert.Equal(0, await Database.ScalarAsync<double>("select under_way from cursor"));
        await AppendAsync(Events.Many("b", 1));
        await TailAsync();
        Assert.Equal(0, await Database.ScalarAsync<double>("select under_way from cursor"));
    }

    [Fact]
    public async Task Run_MorePagesThanOne_SeesEachOnce()
    {
        await FollowAsync(1);
        await AppendAsync([.. Enumerable.Range(0, 1200).Select(i => Events.Push($"r{i % 40}", $"t{i}"))]);
        await TailAsync();
        Assert.Equal(Enumerable.Range(1, 1201).Select(i => (long)i), await SeenAsync());
    }

    [Fact]
    public async Task Run_CutBetweenMarksAndCursor_LeavesNothingAndSeesEachOnceLater()
    {
        await FollowAsync(2);
        await AppendAsync(Events.Push("a", "v1"));
        await Database.ExecuteAsync("""
            create function cut() returns trigger language plpgsql as $$ begin raise exception 'cut'; end $$;
            create trigger cut before update on cursor for each row execute function cut();
            """);
        await Assert.ThrowsAsync<PostgresException>(() => Tailer.RunOnceAsync(Stop));
        Assert.Equal(2, await CursorAsync());
        Assert.Equal(0L, await Database.ScalarAsync<long>("select count(*) from waiting_reference where event_id > 2"));

        await Database.ExecuteAsync("drop trigger cut on cursor");
        await TailAsync();
        Assert.Equal([1L, 2L, 3L], await SeenAsync());
    }

    [Fact]
    public async Task Run_ConnectionKilledInTheMiddle_LeavesNothingAndSeesEachOnceLater()
    {
        await FollowAsync(2);
        await AppendAsync(Events.Push("a", "v1"));
        // The pass dies by its own hand after the marks and before the cursor.
        await Database.ExecuteAsync("""
            create function die() returns trigger language plpgsql as $$ begin perform pg_terminate_backend(pg_backend_pid()); return new; end $$;
            create trigger die before update on cursor for each row execute function die();
            """);
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => Tailer.RunOnceAsync(Stop));
        await Database.ExecuteAsync("drop trigger die on cursor");
        await TailAsync();
        Assert.Equal([1L, 2L, 3L], await SeenAsync());
    }

    [Fact]
    public async Task Run_FourNodesAtOnce_EachEventIsSeenOnce()
    {
        await FollowAsync(1);
        await AppendAsync([.. Enumerable.Range(0, 2000).Select(i => Events.Push($"r{i % 40}", $"t{i}"))]);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => TailAsync()));
        Assert.Equal(Enumerable.Range(1, 2001).Select(i => (long)i), await SeenAsync());
    }

    [Fact]
    public async Task Run_GapsInIds_AreNotWaitedFor()
    {
        await FollowAsync(1);
        await Primary.ExecuteAsync("select setval(pg_get_serial_sequence('event', 'id'), 1000)");
        await AppendAsync(Events.Push("a", "v1"));
        Assert.Equal(TailOutcome.UpToDate, await TailAsync());
        Assert.Equal(1001, await CursorAsync());
    }

    [Theory]
    [InlineData("update event set key = key + 1 where id = 3", "the primary's log was rewound or restored")]
    [InlineData("delete from event where id = 3", "the primary's log was rewound or restored")]
    [InlineData("delete from event", "the primary's log was rewound or restored")]
    [InlineData("update log set id = gen_random_uuid()", "the primary has another log")]
    [InlineData("update log set floor = 4", "the log was pruned beyond this site's position")]
    public async Task Run_CursorThatSaysNothingMore_TakesTheHeadAndBackfills(string change, string reason)
    {
        await FollowAsync(3);
        await Primary.ExecuteAsync(change);
        await AppendAsync(Events.Push("meanwhile", "v1"));

        Assert.Equal(TailOutcome.Repositioned, await Tailer.RunOnceAsync(Stop));
        Assert.Equal(4, await CursorAsync());
        Assert.Equal(["first start", reason], await BackfillsAsync());
        // Ids of the old log must not outweigh those of the new one.
        Assert.Equal(0L, await Database.ScalarAsync<long>("select count(*) from waiting_reference where event_id <> 0"));
        await AppendAsync(Events.Push("after", "v1"));
        Assert.Equal(TailOutcome.UpToDate, await TailAsync());
        Assert.Equal(1L, await Database.ScalarAsync<long>("select count(*) from repository where name = 'after'"));
    }

    [Fact]
    public async Task Run_PrunedBehindTheCursor_GoesOn()
    {
        await FollowAsync(3);
        await Primary.ExecuteAsync("delete from event where id < 3; update log set floor = 3");
        await AppendAsync(Events.Push("a", "v1"));
        Assert.Equal(TailOutcome.UpToDate, await TailAsync());
        Assert.Equal(["first start"], await BackfillsAsync());
        Assert.Equal([1L, 2L, 3L, 4L], await SeenAsync());
    }

    [Fact]
    public async Task Run_UnknownKind_StopsBeforeItWithAMessageAndSkipsNothing()
    {
        await FollowAsync(1);
        await AppendAsync(Events.Push("a", "v1"), Events.Push("a", "v2") with { Kind = "rename" }, Events.Push("a", "v3"));
        Assert.Equal(TailOutcome.Stopped, await TailAsync());
        Assert.Equal(TailOutcome.Stopped, await TailAsync());
        Assert.Equal(2, await CursorAsync());
        var problem = await Database.ScalarAsync<string>("select problem from cursor");
        Assert.Contains("'rename'", problem, StringComparison.Ordinal);
        Assert.Contains("Upgrade this site", problem, StringComparison.Ordinal);

        await Primary.ExecuteAsync("update event set kind = 'push' where kind = 'rename'");
        Assert.Equal(TailOutcome.UpToDate, await TailAsync());
        Assert.Equal([1L, 2L, 3L, 4L], await SeenAsync());
        Assert.Null(await Database.ScalarAsync<string>("select problem from cursor"));
    }

    [Fact]
    public async Task Run_UnknownVersionOfTheView_StopsWithAMessage()
    {
        await FollowAsync(1);
        var view = await Primary.ScalarAsync<string>("select pg_get_viewdef('geo_log_v1')");
        await Primary.ExecuteAsync("create or replace view geo_log_v1 as " + view!.Replace("SELECT 1 AS version", "SELECT 2 AS version", StringComparison.Ordinal));
        Assert.Equal(TailOutcome.Stopped, await TailAsync());
        Assert.Contains("version 2", await Database.ScalarAsync<string>("select problem from cursor"), StringComparison.Ordinal);
        Assert.Equal(1, await CursorAsync());
    }

    [Fact]
    public async Task Run_Deletes_AreRecordedAndAPushTakesThemBack()
    {
        await FollowAsync(1);
        await AppendAsync(Events.Push("a", "v1"), Events.Delete("a", "v1"));
        await TailAsync();
        Assert.Equal(["v1"], await Database.ColumnAsync<string>("select reference from waiting_deletion"));
        Assert.Equal(0L, await Database.ScalarAsync<long>("select count(*) from waiting_reference w join repository r on r.id = w.repository_id where r.name = 'a'"));
        await AppendAsync(Events.Push("a", "v1"));
        await TailAsync();
        Assert.Empty(await Database.ColumnAsync<string>("select reference from waiting_deletion"));
        Assert.Equal(1L, await Database.ScalarAsync<long>("select count(*) from waiting_reference w join repository r on r.id = w.repository_id where r.name = 'a'"));
    }
}
