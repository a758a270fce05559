using GeoDR.Core.Tests.Postgres;
using GeoDR.EventLog;
using GeoDR.Retention;
using GeoDR.Status;

namespace GeoDR.Core.Tests.EventLog;

public sealed class LogPrunerTests(PostgresFixture postgres) : DatabaseTest(postgres, "primary")
{
    private static readonly TimeSpan s_silence = TimeSpan.FromHours(1);


    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        var log = new LogAppender(Database.Source);
        await log.EnsureLogAsync(Stop);
        await log.AppendAsync(Events.Many("a", 10), [], Stop);
        await Database.ExecuteAsync("update event set received_at = received_at - interval '2 hours'");
    }

    [Fact]
    public async Task Prune_TwoReaders_StopsAtTheSlowestAndKeepsItsEvent()
    {
        await ReaderAsync("fast", 9);
        await ReaderAsync("slow", 4);
        Assert.Equal(3, await PruneAsync(TimeSpan.Zero, s_silence, 1000));
        Assert.Equal(4, await OldestAsync());
        Assert.Equal(4, await Database.ScalarAsync<long>("select floor from log"));
        Assert.Equal(0, await PruneAsync(TimeSpan.Zero, s_silence, 1000));
        Assert.Equal(4, await Database.ScalarAsync<long>("select floor from log"));
    }

    [Fact]
    public async Task Prune_SilentReader_HoldsNothingBack()
    {
        await ReaderAsync("fast", 9);
        await ReaderAsync("slow", 4);
        await Database.ExecuteAsync("update peer set last_heard_at = last_heard_at - interval '2 hours' where name = 'slow'");
        await PruneAsync(TimeSpan.Zero, s_silence, 1000);
        Assert.Equal(9, await OldestAsync());
    }

    [Fact]
    public async Task Prune_TooManyEvents_SlowReaderHoldsNothingBack()
    {
        await ReaderAsync("slow", 2);
        await PruneAsync(TimeSpan.Zero, s_silence, 3);
        Assert.Equal(7, await OldestAsync());
    }

    [Fact]
    public async Task Prune_YoungEvents_Stay()
    {
        await ReaderAsync("fast", 9);
        Assert.Equal(0, await PruneAsync(TimeSpan.FromHours(3), s_silence, 1000));
        Assert.Equal(1, await OldestAsync());
    }

    [Fact]
    public async Task Prune_NoReaders_KeepsForTheSilence()
    {
        Assert.Equal(0, await PruneAsync(TimeSpan.Zero, TimeSpan.FromHours(3), 1000));
        Assert.Equal(9, await PruneAsync(TimeSpan.Zero, s_silence, 1000));
        Assert.Equal(10, await OldestAsync());
    }

    [Fact]
    public async Task Prune_ReaderOfAnotherLog_SaysNothingAboutThisOne()
    {
        await ReaderAsync("here", 5);
        await ReaderAsync("elsewhere", 9, Guid.NewGuid());
        await PruneAsync(TimeSpan.Zero, s_silence, 1000);
        Assert.Equal(5, await OldestAsync());
    }

    [Fact]
    public async Task Prune_TooManyBytes_SlowReaderHoldsNothingBack()
    {
        await Database.ExecuteAsync("insert into event (key, kind, repository, tag, source_event_id, received_at) select i, 'push', repeat('r', 350), 't', 'e' || i, now() - interval '2 hours' from generate_series(1, 990) i");
        await ReaderAsync("slow", 2);
        // About 600 bytes each.
        Assert.InRange(await PruneAsync(TimeSpan.Zero, s_silence, 1000, 300_000), 400, 600);
        // The rows of late are measured anew.
        Assert.InRange(await PruneAsync(TimeSpan.Zero, s_silence, 1000, 300_000), 0, 10);
    }

    [Fact]
    public async Task Prune_OwnInventoryBehind_HoldsTheLogBack()
    {
        await ReaderAsync("fast", 9);
        await Database.ExecuteAsync("insert into inventory_position (event_id) values (3)");
        await PruneAsync(TimeSpan.Zero, s_silence, 1000);
        Assert.Equal(3, await OldestAsync());
    }

    [Fact]
    public async Task Prune_SlowThenSilentReader_IsSaidInTheStatus()
    {
        await ReaderAsync("slow", 4);
        await PruneAsync(TimeSpan.Zero, s_silence, 1000);
        Assert.Contains("slow holds back the log's pruning since", await WordsAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain("slow", string.Join(' ', (await StatusAsync()).Reasons), StringComparison.Ordinal);

        await Database.ExecuteAsync("update peer set last_heard_at = last_heard_at - interval '2 hours'");
        await PruneAsync(TimeSpan.FromHours(3), s_silence, 1000);
        Assert.Contains("the log is not kept for slow any more since", await WordsAsync(), StringComparison.Ordinal);

        Assert.Equal(6, await PruneAsync(TimeSpan.Zero, s_silence, 1000));
        Assert.Contains("when it returns it compares everything", await WordsAsync(), StringComparison.Ordinal);
        var status = await StatusAsync();
        Assert.Equal("degraded", status.Health);
        Assert.Contains(status.Reasons, r => r.StartsWith("slow has lost its place in the log", StringComparison.Ordinal));

        await Database.ExecuteAsync("update peer set event_id = 10, last_heard_at = clock_timestamp()");
        await PruneAsync(TimeSpan.Zero, s_silence, 1000);
        Assert.Equal("", await WordsAsync());
        Assert.Equal("healthy", (await StatusAsync()).Health);
    }

    private async Task<long> PruneAsync(TimeSpan keepFor, TimeSpan silence, long maxEvents, long? maxBytes = null) =>
        (await new RetentionPass(Database.Source, [.. RetentionRules.For(new(), new()
        {
            KeepFor = keepFor, ReaderSilence = silence, MaxEvents = maxEvents, MaxBytes = maxBytes,
        }).Take(1)], TimeProvider.System).RunAsync(Stop))!.Sum(r => r.Removed);

    private async Task<SiteStatus> StatusAsync() => (await new StatusReader(Database.Source, TimeProvider.System).ReadAsync(Stop))!;

    private async Task<string> WordsAsync() => string.Join(' ', (await StatusAsync()).LogKept!.Readers.Select(r => r.Words).OfType<string>());

    private Task ReaderAsync(string name, long eventId, Guid? log = null) => Database.ExecuteAsync(
        $"insert into peer (name, role, log_id, event_id, status) select '{name}', 'secondary', {(log is { } id ? $"'{id}'::uuid" : "id")}, {eventId}, '{{}}' from log");

    private Task<long> OldestAsync() => Database.ScalarAsync<long>("select min(id) from event");
}
