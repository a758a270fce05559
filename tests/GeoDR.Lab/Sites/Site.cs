namespace GeoDR.Lab;

/// <summary>A complete site, which ends with its parts: its database, its registry, its GeoDR, and the lab's own client of the registry.</summary>
public sealed class Site(PostgresCluster postgres, DistributionRegistry registry, GeoSite geo, RegistryClient client) : IAsyncDisposable
{
    public const string Database = "geodr";

    public string Name => geo.Name;

    public PostgresCluster Postgres => postgres;

    public DistributionRegistry Registry => registry;

    public GeoSite Geo => geo;

    public RegistryClient Client => client;

    public RegistryPusher Pusher { get; } = new(client);

    /// <summary>The superuser's, of this site's GeoDR database.</summary>
    public string ConnectionString => postgres.ConnectionString(Database);

    public Task<RegistrySnapshot> SnapshotAsync(bool hashBlobs = false, CancellationToken cancellationToken = default) =>
        RegistrySnapshot.ReadAsync(client, new SnapshotOptions { HashBlobs = hashBlobs, StorageDirectory = registry.StorageDirectory }, cancellationToken);

    /// <summary>Everything of the site at once, as when its power goes.</summary>
    public async Task KillAsync()
    {
        geo.Kill();
        registry.Kill();
        await postgres.KillAsync();
    }

    /// <summary>Everything of the site again, on the same ports and data.</summary>
    public async Task StartAgainAsync(CancellationToken cancellationToken = default)
    {
        await postgres.StartAgainAsync(cancellationToken);
        await registry.StartAgainAsync(cancellationToken);
        await geo.StartServeAsync(cancellationToken: cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await geo.DisposeAsync();
        client.Dispose();
        await registry.DisposeAsync();
        await postgres.DisposeAsync();
    }
}
