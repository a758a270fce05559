using GeoDR.Core.Tests.Postgres;
using GeoDR.EventLog;
using Npgsql;

namespace GeoDR.Core.Tests.EventLog;

public sealed class LogReaderTests(PostgresFixture postgres) : DatabaseTest(postgres, "primary")
{
    private LogReader Reader => new(Database.Source);

    [Fact]
    public async Task Read_NoLogYet_IsNull() => Assert.Null(await Reader.ReadAsync(0, 10, TimeSpan.Zero, Stop));

    [Fact]
    public async Task Read_FromAnEvent_GivesThatOneAndTheNextInOrder()
    {
        await OpenAsync(7);
        var page = await Reader.ReadAsync(3, 3, TimeSpan.Zero, Stop);
        Assert.Equal([3L, 4L, 5L], page!.Events.Select(e => e.Id));
        Assert.Equal((7L, 0L), (page.Log.Head, page.Log.Floor));
        Assert.Equal(("a", "t2", Events.Digest, 100L), (page.Events[0].Repository, page.Events[0].Tag, page.Events[0].Digest, page.Events[0].Bytes));
    }

    [Fact]
    public async Task Head_And_PositionBefore_FindTheirEvents()
    {
        await OpenAsync(5);
        await Database.ExecuteAsync("update event set received_at = received_at - interval '2 minutes' where id <= 3");
        Assert.Equal(3, (await Reader.PositionBeforeAsync(TimeSpan.FromMinutes(1), Stop))!.Value.EventId);
        Assert.Equal(0, (await Reader.PositionBeforeAsync(TimeSpan.FromMinutes(3), Stop))!.Value.EventId);
        var head = (await Reader.HeadAsync(Stop))!.Value;
        Assert.Equal((5L, await Database.ScalarAsync<long>("select key from event where id = 5")), (head.EventId, head.EventKey));
    }

    [Fact]
    public async Task Read_AsTheReadersRole_SeesTheViewAlone()
    {
        await OpenAsync(2);
        await Database.ExecuteAsync("do $$ begin create role reads_alone login in role geo_log_reader; exception when duplicate_object then null; end $$");
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(Database.ConnectionString) { Username = "reads_alone" }.ConnectionString);

        Assert.Equal(2, (await new LogReader(source).ReadAsync(0, 10, TimeSpan.Zero, Stop))!.Events.Count);

        var tables = await Database.ColumnAsync<string>("select tablename::text from pg_tables where schemaname = 'public'");
        Assert.NotEmpty(tables);
        foreach (var table in tables)
        {
            await using var command = source.CreateCommand($"select 1 from \"{table}\"");
            var e = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteScalarAsync(Stop));
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, e.SqlState);
        }
        await using var write = source.CreateCommand("create table mine (x int)");
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, (await Assert.ThrowsAsync<PostgresException>(() => write.ExecuteNonQueryAsync(Stop))).SqlState);
    }

    private async Task OpenAsync(int events)
    {
        var log = new LogAppender(Database.Source);
        await log.EnsureLogAsync(Stop);
        await log.AppendAsync(Events.Many("a", events), [], Stop);
    }
}
