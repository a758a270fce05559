using GeoDR.Core.Tests.Postgres;
using GeoDR.EventLog;

namespace GeoDR.Core.Tests.EventLog;

public sealed class LogPrunerTests(PostgresFixture postgres) : DatabaseTest(postgres, "primary")
{
    private static readonly TimeSpan s_silence = TimeSpan.FromHours(1);

    private LogPruner Pruner => new(Database.Source);

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
        Assert.Equal(3, await Pruner.PruneAsync(TimeSpan.Zero, s_silence, 1000, Stop));
        Assert.Equal(4, await OldestAsync());
        Assert.Equal(4, await Database.ScalarAsync<long>("select floor from log"));
        Assert.Equal(0, await Pruner.PruneAsync(TimeSpan.Zero, s_silence, 1000, Stop));
        Assert.Equal(4, await Database.ScalarAsync<long>("select floor from log"));
    }

    [Fact]
    public async Task Prune_SilentReader_HoldsNothingBack()
    {
        await ReaderAsync("fast", 9);
        await ReaderAsync("slow", 4);
        await Database.ExecuteAsync("update peer set last_heard_at = last_heard_at - interval '2 hours' where name = 'slow'");
        await Pruner.PruneAsync(TimeSpan.Zero, s_silence, 1000, Stop);
        Assert.Equal(9, await OldestAsync());
    }

    [Fact]
    public async Task Prune_TooManyEvents_SlowReaderHoldsNothingBack()
    {
        await ReaderAsync("slow", 2);
        await Pruner.PruneAsync(TimeSpan.Zero, s_silence, 3, Stop);
        Assert.Equal(7, await OldestAsync());
    }

    [Fact]
    public async Task Prune_YoungEvents_Stay()
    {
        await ReaderAsync("fast", 9);
        Assert.Equal(0, await Pruner.PruneAsync(TimeSpan.FromHours(3), s_silence, 1000, Stop));
        Assert.Equal(1, await OldestAsync());
    }

    [Fact]
    public async Task Prune_NoReaders_KeepsForTheSilence()
    {
        Assert.Equal(0, await Pruner.PruneAsync(TimeSpan.Zero, TimeSpan.FromHours(3), 1000, Stop));
        Assert.Equal(9, await Pruner.PruneAsync(TimeSpan.Zero, s_silence, 1000, Stop));
        Assert.Equal(10, await OldestAsync());
    }

    [Fact]
    public async Task Prune_ReaderOfAnotherLog_SaysNothingAboutThisOne()
    {
        await ReaderAsync("here", 5);
        await ReaderAsync("elsewhere", 9, Guid.NewGuid());
        await Pruner.PruneAsync(TimeSpan.Zero, s_silence, 1000, Stop);
        Assert.Equal(5, await OldestAsync());
    }

    private Task ReaderAsync(string name, long eventId, Guid? log = null) => Database.ExecuteAsync(
        $"insert into peer (name, role, log_id, event_id, status) select '{name}', 'secondary', {(log is { } id ? $"'{id}'::uuid" : "id")}, {eventId}, '{{}}' from log");

    private Task<long> OldestAsync() => Database.ScalarAsync<long>("select min(id) from event");
}
