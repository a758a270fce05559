using GeoDR.Lab;
using GeoDR.Postgres;
using GeoDR.Status;
using Npgsql;

namespace GeoDR.Core.Tests.Postgres;

public sealed class MigratorTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    // Of some version in the middle; the table it is about is made by it.
    private const int Middle = 7;
    private const string MadeByMiddle = "schedule_run";

    private const string VersionTable = "create table schema_version (version integer primary key, name text not null, applied_at timestamptz not null default now());";

    [Fact]
    public async Task Migrate_EightAtOnce_OneDoesIt()
    {
        await using var empty = await EmptyAsync("migrate_at_once");

        var done = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Migrator.MigrateAsync(empty.Source, Stop)));

        var versions = await empty.ScalarAsync<long>("select count(*) from schema_version");
        Assert.Equal(versions, done.Sum());
        Assert.Single(done, n => n > 0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Migrate_WithAndWithoutTheRightToAnExtension_SearchesByName(bool owner)
    {
        var name = $"migrate_{(owner ? "owner" : "guest")}";
        await Postgres.Cluster.CreateDatabaseAsync(name, cancellationToken: Stop);
        await Postgres.Cluster.ExecuteAsync($"create role {name} login; {(owner ? $"alter database {name} owner to {name}" : "")}", cancellationToken: Stop);
        await Postgres.Cluster.ExecuteAsync($"grant all on schema public to {name}", name, Stop);
        await using var database = new TestDatabase(new NpgsqlConnectionStringBuilder(Postgres.Cluster.ConnectionString(name)) { Username = name }.ConnectionString);
        await Migrator.MigrateAsync(database.Source, Stop);
        Assert.Equal(owner, await database.ScalarAsync<bool>("select to_regclass('repository_name_search') is not null"));
        await database.ExecuteAsync("insert into repository (name) values ('team/web'), ('team/api')");
        var found = await new RepositoryList(database.Source).ListAsync(new(Search: "/web"), RepositoryOrder.ByName, null, false, 10, Stop);
        Assert.Equal(["team/web"], found.Rows.Select(r => r.Name));
    }

    [Theory]
    [InlineData("null")]
    [InlineData("9999")]
    public async Task Migrate_NewerDatabaseThatNeedsMore_IsRefused(string needs)
    {
        await Database.ExecuteAsync($"insert into schema_version (version, name, needs) values (9999, 'later', {needs})");
        var e = await Assert.ThrowsAsync<NewerSchemaException>(() => Migrator.MigrateAsync(Database.Source, Stop));
        Assert.Contains("newer", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Migrate_NewerDatabaseThatThisProgramMayRunBeside_GoesOn()
    {
        await Database.ExecuteAsync("insert into schema_version (version, name, needs) select 9999, 'later', max(version) from schema_version");
        Assert.Equal(0, await Migrator.MigrateAsync(Database.Source, Stop));
    }

    [Fact]
    public async Task Pending_EmptyDatabase_ListsEverythingAndChangesNothing()
    {
        await using var empty = await EmptyAsync("migrate_pending");
        var pending = await Migrator.PendingAsync(empty.Source, Stop);
        Assert.Equal(0L, await empty.ScalarAsync<long>("select count(*) from information_schema.tables where table_schema = 'public'"));
        Assert.Equal(pending.Count, await Migrator.MigrateAsync(empty.Source, Stop));
        Assert.Equal(pending, await empty.ColumnAsync<string>("select name from schema_version order by version"));
        Assert.Empty(await Migrator.PendingAsync(empty.Source, Stop));
    }

    [Fact]
    public async Task Migrate_ScriptThatFails_LeavesWhatWasBefore()
    {
        await using var empty = await EmptyAsync("migrate_failing");
        await AtMiddleAsync(empty, "raise exception 'the disk is full' using errcode = '53100'");
        await Assert.ThrowsAsync<PostgresException>(() => Migrator.MigrateAsync(empty.Source, Stop));
        await IsBeforeMiddleAsync(empty);
    }

    [Fact]
    public async Task Migrate_LockThatIsNeverGiven_SaysSoAndLeavesWhatWasBefore()
    {
        await using var empty = await EmptyAsync("migrate_locked");
        await AtMiddleAsync(empty, "raise exception 'locked' using errcode = '55P03'");
        var e = await Assert.ThrowsAsync<MigrationBlockedException>(() => Migrator.MigrateAsync(empty.Source, Stop));
        Assert.Contains("pg_locks", e.Message, StringComparison.Ordinal);
        await IsBeforeMiddleAsync(empty);
    }

    [Fact]
    public async Task Migrate_KilledInTheMiddle_LeavesTheOldSchemaAndTheNextRunCompletes()
    {
        await using var empty = await EmptyAsync("migrate_killed");
        await empty.ExecuteAsync(VersionTable);
        var settings = new Dictionary<string, string> { ["Geo__Database"] = empty.ConnectionString };
        await using (var hold = await MigrationHold.AtAsync(empty.ConnectionString, Middle, Stop))
        {
            using var kill = CancellationTokenSource.CreateLinkedTokenSource(Stop);
            var migrate = GeoProgram.RunAsync(["migrate"], settings, cancellationToken: kill.Token);
            await hold.ReachedAsync(Stop);
            await kill.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => migrate);
            await hold.LeftAsync(Stop);
            await IsBeforeMiddleAsync(empty);
        }
        var again = await GeoProgram.RunAsync(["migrate"], settings, cancellationToken: Stop);
        Assert.True(again.ExitCode == 0, again.Error);
        Assert.Empty(await Migrator.PendingAsync(empty.Source, Stop));
    }

    [Fact]
    public async Task GrantReader_WithoutTheRight_SaysTheSql()
    {
        await Postgres.Cluster.ExecuteAsync("create role no_rights login", cancellationToken: Stop);
        await using var poor = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(Database.ConnectionString) { Username = "no_rights" }.ConnectionString);
        var sql = await Migrator.GrantReaderAsync(poor, Stop);
        Assert.Contains("grant select on geo_log_v1 to geo_log_reader", sql, StringComparison.Ordinal);
    }

    private async Task<TestDatabase> EmptyAsync(string name)
    {
        await Postgres.Cluster.CreateDatabaseAsync(name, cancellationToken: Stop);
        return new TestDatabase(Postgres.Cluster.ConnectionString(name));
    }

    /// <summary>Something happens when the script in the middle has run and is about to be noted.</summary>
    private static Task AtMiddleAsync(TestDatabase database, string does) => database.ExecuteAsync($"""
        {VersionTable}
        create function at_middle() returns trigger language plpgsql as $$ begin {does}; return new; end $$;
        create trigger at_middle before insert on schema_version for each row when (new.version = {Middle}) execute function at_middle();
        """);

    private static async Task IsBeforeMiddleAsync(TestDatabase database)
    {
        Assert.Equal(Middle - 1, await database.ScalarAsync<int>("select max(version) from schema_version"));
        Assert.False(await database.ScalarAsync<bool>($"select to_regclass('{MadeByMiddle}') is not null"));
    }
}
