using GeoDR.Core.Tests.Postgres;
using GeoDR.Lab;
using GeoDR.Postgres;
using Npgsql;

[assembly: AssemblyFixture(typeof(PostgresFixture))]

namespace GeoDR.Core.Tests.Postgres;

/// <summary>One PostgreSQL for all tests of Core, with a migrated template from which each test copies a database of its own.</summary>
public sealed class PostgresFixture : IAsyncLifetime
{
    private const string Template = "geodr_template";

    private readonly LabDirectory _directory = LabDirectory.Create("core");
    private int _count;

    public PostgresCluster Cluster { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Cluster = await PostgresCluster.StartNewAsync(_directory.PathOf("postgres"));
        await Cluster.CreateDatabaseAsync(Template);
        await using (var source = NpgsqlDataSource.Create(Cluster.ConnectionString(Template) + ";Pooling=false"))
        {
            await Migrator.MigrateAsync(source, CancellationToken.None);
            Assert.Null(await Migrator.GrantReaderAsync(source, CancellationToken.None));
        }
    }

    /// <summary>A database with the schema of this version and a site's row.</summary>
    public async Task<TestDatabase> CreateAsync(string role = "secondary")
    {
        var name = $"test_{Interlocked.Increment(ref _count)}";
        await Cluster.CreateDatabaseAsync(name, Template);
        var database = new TestDatabase(Cluster.ConnectionString(name) + ";Maximum Pool Size=30");
        await database.ExecuteAsync($"insert into site (name, role) values ('here', '{role}')");
        return database;
    }

    public async ValueTask DisposeAsync()
    {
        await Cluster.DisposeAsync();
        await _directory.DisposeAsync();
    }
}

/// <summary>A test's own database.</summary>
public sealed class TestDatabase(string connectionString) : IAsyncDisposable
{
    /// <summary>Commits are delayed at random between the ids and the commit, as a busy disk does.</summary>
    public const string SlowCommits = """
        create function slow_commit() returns trigger language plpgsql as $$ begin perform pg_sleep(random() * 0.02); return null; end $$;
        create trigger slow_commit after insert on event for each statement execute function slow_commit();
        """;

    public string ConnectionString => connectionString;

    public NpgsqlDataSource Source { get; } = NpgsqlDataSource.Create(connectionString);

    public async Task ExecuteAsync(string sql)
    {
        await using var command = Source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    public async Task<T?> ScalarAsync<T>(string sql)
    {
        await using var command = Source.CreateCommand(sql);
        return await command.ExecuteScalarAsync() is T value ? value : default;
    }

    public async Task<List<T>> ColumnAsync<T>(string sql)
    {
        await using var command = Source.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync();
        var values = new List<T>();
        while (await reader.ReadAsync())
            values.Add(reader.GetFieldValue<T>(0));
        return values;
    }

    public ValueTask DisposeAsync() => Source.DisposeAsync();
}
