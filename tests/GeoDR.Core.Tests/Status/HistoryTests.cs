using GeoDR.Core.Tests.Postgres;
using GeoDR.Sites;
using GeoDR.Status;

namespace GeoDR.Core.Tests.Status;

/// <summary>The samples behind the charts: taken once a step, gathered into larger steps, thrown out when they are old.</summary>
public sealed class HistoryTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private static readonly DateTimeOffset s_at = DateTimeOffset.UnixEpoch;

    private History History => new(Database.Source);

    [Fact]
    public async Task Take_OncePerStep_CountsWhatEndedInIt()
    {
        await Database.ExecuteAsync("""
            insert into repository (name) values ('a');
            insert into attempt (repository_id, node, started_at, ended_at, bytes, requests, outcome)
                select 1, 'n', now(), date_bin('15 seconds', now(), 'epoch') - make_interval(secs => s), 100, 1, o
                from (values (1, 'synced'), (14, 'synced'), (5, 'failed'), (16, 'synced'), (-1, 'synced')) as v(s, o)
            """);
        Assert.True(await History.TakeAsync(Secondary(500), Stop));
        Assert.False(await History.TakeAsync(Secondary(501), Stop));
        var sample = Assert.Single(await SamplesAsync("hour"));
        Assert.Equal((7L, 3.5, 3L, 4L, null, 2L, 300L), (sample.LagEvents!.Value, sample.LagSeconds!.Value, sample.Backlog!.Value, sample.Failed!.Value, sample.Events, sample.Synced!.Value, sample.Bytes!.Value));

        // The next step's events are those since this one; a log that began anew has none to compare with.
        await Database.ExecuteAsync("update sample set at = at - interval '15 seconds'");
        Assert.True(await History.TakeAsync(Secondary(620), Stop));
        Assert.Equal(120, (await SamplesAsync("hour"))[1].Events);
        await Database.ExecuteAsync("update sample set at = at - interval '15 seconds'");
        Assert.True(await History.TakeAsync(Secondary(3) with { Cursor = Cursor(3) with { LogId = Guid.NewGuid() } }, Stop));
        Assert.Null((await SamplesAsync("hour"))[2].Events);
    }

    [Fact]
    public async Task Take_GathersWholeLargerSteps_AndForgetsTheOld()
    {
        await Database.ExecuteAsync("""
            insert into sample (seconds, at, lag_events, lag_seconds, backlog, failed, events, synced, bytes)
            select 15, date_bin('30 minutes', now(), 'epoch') - interval '1 hour' + make_interval(secs => 15 * i), i % 20, 0.5, i, 1, 10, 2, 1000 from generate_series(0, 239) i;
            insert into sample (seconds, at, events) select 15, now() - interval '3 hours', 1;
            insert into sample (seconds, at, events) select 300, now() - interval '27 hours', 1;
            insert into sample (seconds, at, events) select 1800, now() - interval '8 days', 1
            """);
        Assert.True(await History.TakeAsync(Secondary(1), Stop));
        var day = await SamplesAsync("day");
        var first = Assert.Single(day, s => s.Backlog == 19);
        Assert.Equal((19L, 0.5, 1L, 200L, 40L, 20_000L), (first.LagEvents!.Value, first.LagSeconds!.Value, first.Failed!.Value, first.Events!.Value, first.Synced!.Value, first.Bytes!.Value));
        var week = await SamplesAsync("week");
        Assert.Equal([119L, 239L], week.Where(s => s.Backlog is not null).Select(s => s.Backlog!.Value).Take(2));
        Assert.Equal(1200, week.First(s => s.Backlog == 119).Events);
        Assert.Equal(0, await Database.ScalarAsync<long>("select count(*) from sample where (seconds, at) in (select 15, at from sample where at < now() - interval '150 minutes') or at < now() - interval '7 days 2 hours'"));

        // Again, and nothing is gathered twice.
        await Database.ExecuteAsync("update sample set at = at - interval '15 seconds' where seconds = 15");
        Assert.True(await History.TakeAsync(Secondary(1), Stop));
        Assert.Equal(1200, (await SamplesAsync("week")).First(s => s.Backlog == 119).Events);
    }

    [Fact]
    public async Task AtAPrimary_EventsAreCountedByWhenTheyCame()
    {
        await Database.ExecuteAsync("""
            insert into event (key, kind, repository, source_event_id, received_at)
            select i, 'push', 'a', i::text, date_bin('15 seconds', now(), 'epoch') - make_interval(secs => i) from generate_series(0, 20) i
            """);
        Assert.True(await History.TakeAsync(Status(Site.Primary) with { Log = new(Guid.NewGuid(), 21, 1, 1, 0, 0) }, Stop));
        var sample = Assert.Single(await SamplesAsync("hour"));
        Assert.Equal((15L, null, null, null), (sample.Events!.Value, sample.Backlog, sample.Synced, sample.LagEvents));
        Assert.Null(await History.ReadAsync("year", s_at, Stop));
    }

    private async Task<IReadOnlyList<Sample>> SamplesAsync(string range) => (await History.ReadAsync(range, TimeProvider.System.GetUtcNow(), Stop))!.Samples;

    private static readonly Guid s_log = Guid.NewGuid();

    private static CursorStatus Cursor(long at) => new(s_log, at, at + 7, 7, 3.5, 0, 0, null);

    private static SiteStatus Secondary(long at) => Status(Site.Secondary) with { Cursor = Cursor(at) };

    private static SiteStatus Status(string role) =>
        new("here", role, "1", 0, false, "healthy", [], new(2, 1, 5, 4), null, null, null, 0, 0, 0, null, 0, 0, [], [], [], s_at);
}
