namespace GeoDR.Core.Tests.Postgres;

/// <summary>A test with a database of its own.</summary>
public abstract class DatabaseTest(PostgresFixture postgres, string role = "secondary") : IAsyncLifetime
{
    protected TestDatabase Database { get; private set; } = null!;

    protected PostgresFixture Postgres => postgres;

    protected static CancellationToken Stop => TestContext.Current.CancellationToken;

    public virtual async ValueTask InitializeAsync() => Database = await postgres.CreateAsync(role);

    public virtual async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
