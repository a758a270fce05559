namespace GeoDR.Lab;

/// <summary>Starts the parts of <see cref="TwoSites"/> in the order in which they need each other.</summary>
internal sealed class TwoSitesBuilder(TwoSitesOptions options)
{
    private const string Issuer = "geodr-lab";
    private const string ReaderPassword = "reads-the-log";
    private const string NotificationSecret = "notifies-geodr";

    private readonly List<IAsyncDisposable> _parts = [];
    private readonly LabDirectory _directory = options.Directory ?? LabDirectory.Create("two-sites");

    public async Task<TwoSites> StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await StartPartsAsync(cancellationToken);
        }
        catch
        {
            await TwoSites.DisposeAllAsync(_parts);
            if (options.Directory is null)
            {
                await _directory.DisposeAsync();
            }

            throw;
        }
    }

    private async Task<TwoSites> StartPartsAsync(CancellationToken cancellationToken)
    {
        var keys = new SiteKeys(_directory.PathOf("keys"), options.TokenAlgorithm);
        var tokens = Keep(await TokenServer.StartAsync(keys.Clients, Issuer, TwoSites.Client, cancellationToken: cancellationToken));
        var berlin = Geo(TwoSites.PrimaryName);
        var madrid = Geo(TwoSites.SecondaryName);

        Say("starting two PostgreSQL clusters");
        var databases = await StartAllAsync([Postgres(berlin.Name), Postgres(madrid.Name)]);
        Say("starting two registries");
        var ports = (Berlin: Port($"{berlin.Name}-registry") ?? Ports.Free(), Madrid: Port($"{madrid.Name}-registry") ?? Ports.Free());
        var links = Direct(berlin, madrid, ports, databases[0]);
        links = options.Links is { } through ? await through(links) : links;
        var registries = await StartAllAsync(
        [
            Registry(berlin.Name, ports.Berlin, links.PrimaryNotifications, keys, tokens),
            Registry(madrid.Name, ports.Madrid, links.SecondaryNotifications, keys, tokens),
        ]);

        Say("making the sites' keys and the primary's schema");
        var publics = await Task.WhenAll(SiteKeyAsync(berlin), SiteKeyAsync(madrid));
        Configure(berlin, "primary", databases[0], links.PrimaryRegistry, keys);
        Configure(madrid, "secondary", databases[1], links.SecondaryRegistry, keys);
        Peer(berlin, madrid.Name, links.SecondaryFromPrimary, publics[1]);
        Peer(madrid, berlin.Name, links.PrimaryFromSecondary, publics[0]);
        var standby = await LogAsync(berlin, madrid, databases[0], links, cancellationToken);
        options.Configure?.Invoke(berlin);
        options.Configure?.Invoke(madrid);
        await CreateAdminsAsync(berlin, madrid, cancellationToken);

        var primary = Keep(new Site(databases[0], registries[0], berlin, new RegistryClient(registries[0].Url, TwoSites.Client)));
        var secondary = Keep(new Site(databases[1], registries[1], madrid, new RegistryClient(registries[1].Url, TwoSites.Client)));
        if (options.StartServe)
        {
            Say("starting both GeoDR");
            await Task.WhenAll(berlin.StartServeAsync(cancellationToken: cancellationToken), madrid.StartServeAsync(cancellationToken: cancellationToken));
            madrid.StartWorkers(options.WorkerProcesses);
        }

        return new TwoSites(options, _directory, links, tokens, primary, secondary, standby, _parts);
    }

    private void Say(string what) => options.Progress?.Invoke(what);

    private int? Port(string name) => options.PortsByName.TryGetValue(name, out var port) ? port : null;

    private T Keep<T>(T part)
        where T : IAsyncDisposable
    {
        lock (_parts)
        {
            _parts.Add(part);
        }

        return part;
    }

    /// <summary>All of them have ended before a fault of one is thrown, so that none starts after the clean-up.</summary>
    private async Task<T[]> StartAllAsync<T>(Task<T>[] starting)
        where T : IAsyncDisposable
    {
        await ((Task)Task.WhenAll(starting)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var started in starting.Where(s => s.IsCompletedSuccessfully))
        {
            Keep(await started);
        }

        return await Task.WhenAll(starting);
    }

    private GeoSite Geo(string name) => Keep(new GeoSite(name, _directory.PathOf(name, "geodr"), Port(name)) { Program = options.Program ?? GeoProgram.Path });

    private async Task<PostgresCluster> Postgres(string name)
    {
        var cluster = await PostgresCluster.StartNewAsync(
            _directory.PathOf(name, "postgres"),
            new PostgresOptions { Fsync = options.Fsync, RequirePassword = true }, options.CopySchema ? await MigratedCluster.DirectoryAsync(small: !options.Fsync) : null);
        try
        {
            if (!options.CopySchema)
            {
                await cluster.CreateDatabaseAsync(Site.Database);
            }

            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    private Task<DistributionRegistry> Registry(string name, int port, Uri notifications, SiteKeys keys, TokenServer tokens) =>
        DistributionRegistry.StartNewAsync(_directory.PathOf(name, "registry"), new DistributionOptions
        {
            Port = port,
            Token = new TokenAuth(tokens.Realm, $"{name}-registry", Issuer, keys.Bundle),
            Notifications = name == TwoSites.PrimaryName && !options.PrimaryNotifies ? [] :
            [
                new NotificationEndpoint("geodr", notifications, NotificationSecret)
                {
                    Timeout = options.NotificationTimeout,
                    Backoff = options.NotificationBackoff,
                },
            ],
        });

    private static SiteLinks Direct(GeoSite berlin, GeoSite madrid, (int Berlin, int Madrid) ports, PostgresCluster database) => new()
    {
        PrimaryNotifications = new Uri(berlin.Url, "/api/v4/container_registry_event/events"),
        SecondaryNotifications = new Uri(madrid.Url, "/api/v4/container_registry_event/events"),
        PrimaryRegistry = new Uri($"http://127.0.0.1:{ports.Berlin}"),
        SecondaryRegistry = new Uri($"http://127.0.0.1:{ports.Madrid}"),
        PrimaryRegistryFromSecondary = new Uri($"http://127.0.0.1:{ports.Berlin}"),
        PrimaryFromSecondary = berlin.Url,
        SecondaryFromPrimary = madrid.Url,
        Log = database.ConnectionString(Site.Database, "geo_reader", ReaderPassword),
    };

    private void Configure(GeoSite site, string role, PostgresCluster database, Uri registry, SiteKeys keys)
    {
        site.Set("Site:Role", role)
            .Set("Database", database.ConnectionString(Site.Database))
            .Set("Registry:Url", Text(registry))
            .Set("Failover:StartHold", "1s")
            .Set("Registry:AllowHttp", "true")
            .Set("Notifications:Secrets:0", NotificationSecret)
            .Set("Tokens:Issuer", Issuer)
            .Set("Tokens:KeyFile", keys.Sites.KeyFile)
            .Set("Tokens:CertificateFile", keys.Sites.CertificateFile)
            .Set("Sync:Workers", options.Workers is { } workers ? $"{workers}" : null)
            .Set("Verification:Automatic", options.Verification ? null : "false")
            .Set("Sync:Lease", options.Lease is { } lease ? lease.ToString("c") : null);
    }

    private static void Peer(GeoSite site, string name, Uri url, string publicKey) =>
        site.Set($"Peers:{name}:Url", Text(url)).Set($"Peers:{name}:PublicKeyFile", publicKey);

    private static string Text(Uri url) => url.AbsoluteUri.TrimEnd('/');

    private async Task<string> SiteKeyAsync(GeoSite site)
    {
        var (privateKey, publicKey) = await SiteKeyPair.CopyAsync(site.Name, _directory.PathOf("keys"));
        site.Set("Site:KeyFile", privateKey);
        return publicKey;
    }

    /// <summary>The reading role exists once the primary's schema does; then a login of its own joins it.</summary>
    private async Task<PostgresCluster?> LogAsync(GeoSite berlin, GeoSite madrid, PostgresCluster database, SiteLinks links, CancellationToken cancellationToken)
    {
        await MigrateAsync(berlin, cancellationToken);
        await database.ExecuteAsync($"CREATE ROLE geo_reader LOGIN PASSWORD '{ReaderPassword}' IN ROLE geo_log_reader", Site.Database, cancellationToken);
        PostgresCluster? standby = null;
        if (options.ReadStandby)
        {
            Say("starting a hot standby of the primary's database");
            standby = Keep(await database.CreateStandbyAsync(_directory.PathOf(madrid.Name, "standby"), cancellationToken));
        }

        madrid.Set("Primary:Url", Text(links.PrimaryFromSecondary))
            .Set("Primary:Log", options.HttpLog ? Text(links.PrimaryFromSecondary) : standby?.ConnectionString(Site.Database, "geo_reader", ReaderPassword) ?? links.Log)
            .Set("Primary:AllowHttp", options.HttpLog ? "true" : null)
            .Set("Primary:Registry:Url", Text(links.PrimaryRegistryFromSecondary))
            .Set("Primary:Registry:AllowHttp", "true");
        return standby;
    }

    private async Task MigrateAsync(GeoSite site, CancellationToken cancellationToken)
    {
        if (!options.CopySchema)
        {
            (await site.RunAsync(["migrate"], null, cancellationToken)).EnsureSuccess();
        }
    }

    private async Task CreateAdminsAsync(GeoSite berlin, GeoSite madrid, CancellationToken cancellationToken)
    {
        if (!options.CreateAdmin)
        {
            return;
        }

        await MigrateAsync(madrid, cancellationToken);
        string[] add = ["user", "add", "admin", "--role", "admin", "--password-stdin"];
        var input = options.AdminPassword + "\n";
        foreach (var result in await Task.WhenAll(berlin.RunAsync(add, input, cancellationToken), madrid.RunAsync(add, input, cancellationToken)))
        {
            result.EnsureSuccess();
        }
    }
}
