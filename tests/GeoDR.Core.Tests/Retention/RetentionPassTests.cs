using GeoDR.Core.Tests.EventLog;
using GeoDR.Core.Tests.Postgres;
using GeoDR.EventLog;
using GeoDR.Retention;
using GeoDR.SyncState;
using Npgsql;

namespace GeoDR.Core.Tests.Retention;

/// <summary>A pass with much to remove, stopped between its steps, beside the work of a site.</summary>
public sealed class RetentionPassTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    // Too little to wait for anybody.
    private const string Impatient = ";Options=-c lock_timeout=100 -c statement_timeout=5000";
    private static string Doomed(int attempts) => $"""
        insert into repository (name) select 'r' || i from generate_series(1, 3) i;
        insert into attempt (repository_id, node, started_at, ended_at, bytes, requests, outcome)
            select 1 + i % 3, 'n', now(), now() - interval '40 days' + i * interval '1 ms', 1, 1, 'synced' from generate_series(1, {attempts}) i;
        """;

    private RetentionPass Pass(TimeProvider time) =>
        new(Database.Source, RetentionRules.For(new() { AttemptsPerRepository = 100_000 }, new LogLimits { KeepFor = TimeSpan.Zero, MaxEvents = 1000 }), time);

    [Fact]
    public async Task Run_ManyDoomedRows_HoldsNoLockBetweenSteps_AndAppendsAndClaimsProceed()
    {
        var log = new LogAppender(Database.Source);
        await log.EnsureLogAsync(Stop);
        await Database.ExecuteAsync(Doomed(40_000) + """
            insert into event (key, kind, repository, tag, digest, source_event_id, received_at)
                select i, 'push', 'r1', 't', 'd', i::text, now() - interval '40 days' from generate_series(1, 21000) i;
            insert into worker (id, node, slots, lease_until) values ('00000000-0000-0000-0000-000000000001', 'n', 8, 'infinity');
            """);
        await using var impatient = NpgsqlDataSource.Create(Database.ConnectionString + Impatient);
        var (appender, claims, worker) = (new LogAppender(impatient), new Claims(impatient), new Guid("00000000-0000-0000-0000-000000000001"));
        var time = new HeldTime();
        var run = Pass(time).RunAsync(Stop);
        var steps = 0;
        while (await Task.WhenAny(run, time.WaitedForAsync(Stop)) is Task<Action> waited)
        {
            steps++;
            Assert.Equal(0L, await Database.ScalarAsync<long>("""
                select count(*) from pg_locks l join pg_class c on c.oid = l.relation join pg_stat_activity a on a.pid = l.pid and a.backend_type = 'client backend'
                where l.pid <> pg_backend_pid() and l.database = (select oid from pg_database where datname = current_database()) and c.relnamespace = 'public'::regnamespace
                """));
            (await waited)();
            // Beside the next step, whatever it holds.
            await appender.AppendAsync([Events.Push("r1", $"t{steps}")], [], Stop);
            if (steps <= 3)
                Assert.Single(await claims.ClaimAsync(worker, 1, 1, Stop));
        }
        // 2,000 rows at most in each.
        Assert.InRange(steps, 30, 36);
        Assert.Equal([("event", 20_000L), ("attempt", 40_000L)], (await run)!.Select(r => (r.Table, r.Table == "event" ? r.Removed / 1000 * 1000 : r.Removed)));
    }

    [Fact]
    public async Task Run_OnTwoNodes_OneDoesIt_AndWhereThatStopsTheOtherGoesOn()
    {
        await Database.ExecuteAsync(Doomed(5000));
        var time = new HeldTime();
        using var killed = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var first = Pass(time).RunAsync(killed.Token);
        await time.WaitedForAsync(Stop);
        Assert.Null(await Pass(TimeProvider.System).RunAsync(Stop));
        await killed.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        Assert.Equal([("attempt", 3000L)], await Pass(TimeProvider.System).RunAsync(Stop));
    }

    [Fact]
    public async Task Run_RowsAndTablesThatSomebodyHolds_AreLeftForTheNextRun()
    {
        await Database.ExecuteAsync(Doomed(10) + "insert into audit (who, what, at) values ('x', 'y', now() - interval '500 days')");
        await using (var connection = await Database.Source.OpenConnectionAsync(Stop))
        await using (await connection.BeginTransactionAsync(Stop))
        {
            await using var hold = new NpgsqlCommand("lock table audit; select from attempt where id in (2, 3) for update", connection);
            await hold.ExecuteNonQueryAsync(Stop);
            Assert.Equal([("attempt", 8L)], await Pass(TimeProvider.System).RunAsync(Stop));
        }
        Assert.Equal([("attempt", 2L), ("audit", 1L)], await Pass(TimeProvider.System).RunAsync(Stop));
    }
}
