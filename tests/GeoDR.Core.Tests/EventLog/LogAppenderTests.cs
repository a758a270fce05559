using GeoDR.Core.Tests.Postgres;
using GeoDR.EventLog;
using GeoDR.Lab;
using Npgsql;

namespace GeoDR.Core.Tests.EventLog;

public sealed class LogAppenderTests(PostgresFixture postgres) : DatabaseTest(postgres, "primary")
{
    [Fact]
    public async Task Append_SameIdAgain_IsKeptOnceAlsoAfterARestart()
    {
        await new LogAppender(Database.Source).AppendAsync([Events.Push("a", "v1", "same"), Events.Push("a", "v2", "other")], [], Stop);
        await new LogAppender(Database.Source).AppendAsync([Events.Push("a", "v1", "same")], [], Stop);
        await using var restarted = NpgsqlDataSource.Create(Database.ConnectionString);
        await new LogAppender(restarted).AppendAsync([Events.Push("a", "v1", "same"), Events.Push("a", "v3", "third")], [], Stop);

        Assert.Equal(["same", "other", "third"], await Database.ColumnAsync<string>("select source_event_id from event order by id"));
    }

    [Fact]
    public async Task Append_SameIdTwiceInOneEnvelope_IsKeptOnce()
    {
        await new LogAppender(Database.Source).AppendAsync([Events.Push("a", "v1", "same"), Events.Push("a", "v1", "same")], [], Stop);
        Assert.Equal(1L, await Database.ScalarAsync<long>("select count(*) from event"));
    }

    /// <summary>The second case has the lock shadowed by a function without effect: the same reader must then miss events.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Append_Concurrently_IdOrderIsCommitOrder(bool withLock)
    {
        await Database.ExecuteAsync(TestDatabase.SlowCommits);
        if (!withLock)
            await Database.ExecuteAsync("create function public.pg_advisory_xact_lock(bigint) returns void language sql as 'select null::void'");
        await using var writing = NpgsqlDataSource.Create(Database.ConnectionString + (withLock ? "" : ";Search Path=public,pg_catalog"));
        var appending = Task.WhenAll(Enumerable.Range(0, 8).Select(async w =>
        {
            var log = new LogAppender(writing);
            for (var i = 0; i < 10; i++)
                await log.AppendAsync(Events.Many($"w{w}/{i}", 3), [], Stop);
        }));

        // A reader that trusts ids: it never looks below the highest it has seen.
        var seen = new List<long>();
        while (!appending.IsCompleted)
            await ReadOnAsync(seen);
        await appending;
        await ReadOnAsync(seen);

        var all = await Database.ColumnAsync<long>("select id from event order by id");
        Assert.Equal(240, all.Count);
        if (withLock)
            Assert.Equal(all, seen);
        else
            Assert.NotEmpty(all.Except(seen));
    }

    [Fact]
    public async Task Append_LockHeldByAFrozenNode_GivesUpWithinItsTimeoutAndKeepsNothing()
    {
        await using var frozen = await Database.Source.OpenConnectionAsync(Stop);
        await using var transaction = await frozen.BeginTransactionAsync(Stop);
        await using (var hold = new NpgsqlCommand("select pg_advisory_xact_lock(7307771)", frozen))
            await hold.ExecuteNonQueryAsync(Stop);
        await using var source = NpgsqlDataSource.Create(Database.ConnectionString + ";Options=-c lock_timeout=250");

        var e = await Assert.ThrowsAsync<PostgresException>(() => new LogAppender(source).AppendAsync([Events.Push("a", "v1")], [], Stop));
        Assert.Equal(PostgresErrorCodes.LockNotAvailable, e.SqlState);
        await transaction.RollbackAsync(Stop);

        await new LogAppender(source).AppendAsync([Events.Push("a", "v2")], [], Stop);
        Assert.Equal(["v2"], await Database.ColumnAsync<string>("select tag from event"));
    }

    [Fact]
    public async Task Append_WakesListeners()
    {
        await using var listening = await Database.Source.OpenConnectionAsync(Stop);
        await using (var listen = new NpgsqlCommand("listen geo_log", listening))
            await listen.ExecuteNonQueryAsync(Stop);
        await new LogAppender(Database.Source).AppendAsync([Events.Push("a", "v1")], [], Stop);
        Assert.True(await listening.WaitAsync(TimeSpan.FromSeconds(10), Stop));
    }

    [Fact]
    public async Task Append_SameUnreadableBodyAgain_IsOneRowCounted()
    {
        var body = new QuarantinedBody("{"u8.ToArray(), false, ["not JSON"], "127.0.0.1");
        for (var i = 0; i < 3; i++)
            await new LogAppender(Database.Source).AppendAsync([], [body], Stop);
        Assert.Equal([3], await Database.ColumnAsync<int>("select times from quarantine"));
    }

    [Fact]
    public async Task EnsureLog_Again_KeepsTheIdentityAndBeats()
    {
        var log = new LogAppender(Database.Source);
        await log.EnsureLogAsync(Stop);
        var (id, beat) = (await Database.ScalarAsync<Guid>("select id from log"), await Database.ScalarAsync<DateTime>("select beat_at from log"));
        await Wait.UntilAsync(
            async token =>
            {
                await log.EnsureLogAsync(token);
                return await Database.ScalarAsync<DateTime>("select beat_at from log") > beat;
            },
            TimeSpan.FromSeconds(5), () => "the beat stands still", Stop);
        Assert.Equal(id, await Database.ScalarAsync<Guid>("select id from log"));
    }

    private async Task ReadOnAsync(List<long> seen) =>
        seen.AddRange(await Database.ColumnAsync<long>($"select id from event where id > {(seen.Count == 0 ? 0 : seen[^1])} order by id"));
}
