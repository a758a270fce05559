using GeoDR.Lab;
using GeoDR.Postgres;
using GeoDR.Status;
using Npgsql;

namespace GeoDR.Core.Tests.Postgres;

public sealed class MigratorTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    [Fact]
    public async Task Migrate_EightAtOnce_OneDoesIt()
    {
        await Postgres.Cluster.CreateDatabaseAsync("migrate_at_once", cancellationToken: Stop);
        await using var empty = new TestDatabase(Postgres.Cluster.ConnectionString("migrate_at_once"));

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

    [Fact]
    public async Task Migrate_NewerDatabase_IsRefused()
    {
        await Database.ExecuteAsync("insert into schema_version (version, name) values (9999, 'later')");
        var e = await Assert.ThrowsAsync<NewerSchemaException>(() => Migrator.MigrateAsync(Database.Source, Stop));
        Assert.Contains("newer", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GrantReader_WithoutTheRight_SaysTheSql()
    {
        await Postgres.Cluster.ExecuteAsync("create role no_rights login", cancellationToken: Stop);
        await using var poor = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(Database.ConnectionString) { Username = "no_rights" }.ConnectionString);
        var sql = await Migrator.GrantReaderAsync(poor, Stop);
        Assert.Contains("grant select on geo_log_v1 to geo_log_reader", sql, StringComparison.Ordinal);
    }
}
