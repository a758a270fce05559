namespace GeoDR.Lab;

/// <summary>What a group of sites is made of.</summary>
public sealed record SiteGroupOptions
{
    /// <summary>The first begins as the primary, the others as its secondaries.</summary>
    public IReadOnlyList<string> Names { get; init; } = ["berlin", "madrid", "paris"];

    /// <summary>A proxy before all registries, which clients go by.</summary>
    public bool Proxy { get; init; }

    /// <summary>Sites reach each other by links that can be cut.</summary>
    public bool Links { get; init; }

    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Processes of <c>geodr worker</c> at each site that begins as a secondary.</summary>
    public int WorkerProcesses { get; init; }

    public bool Fsync { get; init; }

    /// <summary>Further users of the realm that all registries send to.</summary>
    public IReadOnlyList<BasicAuth> Users { get; init; } = [];

    /// <summary>Last changes to a site's settings, before anything of it starts.</summary>
    public Action<GeoSite>? Configure { get; init; }
}

/// <summary>Complete sites that know each other, any of which can become the primary.</summary>
public sealed class SiteGroup : IAsyncDisposable
{
    private const string Issuer = "geodr-lab";
    private const string NotificationSecret = "notifies-geodr";

    private readonly List<IAsyncDisposable> _parts;

    private SiteGroup(LabDirectory directory, TokenServer tokens, IReadOnlyList<Site> sites, HaProxy? proxy, SiteNetwork? links, List<IAsyncDisposable> parts) =>
        (Directory, Tokens, Sites, Proxy, Links, _parts) = (directory, tokens, sites, proxy, links, parts);

    public LabDirectory Directory { get; }

    /// <summary>The realm of clients.</summary>
    public TokenServer Tokens { get; }

    public IReadOnlyList<Site> Sites { get; }

    public HaProxy? Proxy { get; }

    /// <summary>Null where the sites reach each other directly.</summary>
    public SiteNetwork? Links { get; }

    public Site this[string name] => Sites.Single(s => s.Name == name);

    public static async Task<SiteGroup> StartAsync(SiteGroupOptions options, CancellationToken cancellationToken = default)
    {
        var directory = LabDirectory.Create("sites");
        List<IAsyncDisposable> parts = [directory];
        try
        {
            return await StartPartsAsync(options, directory, parts, cancellationToken);
        }
        catch
        {
            await TwoSites.DisposeAllAsync(parts);
            throw;
        }
    }

    /// <summary>Returns when a site's registry has the image under its tag.</summary>
    public static Task ArrivesAsync(Site site, PushedImage image, TimeSpan deadline, CancellationToken cancellationToken) => Wait.UntilAsync(
        async token =>
        {
            try
            {
                return await site.Client.ResolveAsync(image.Repository, image.Tag!, token) == image.Digest;
            }
            catch (Exception e) when (e is LabException or HttpRequestException)
            {
                return false;
            }
        },
        deadline, () => $"{image} ({image.Digest}) did not arrive at {site.Name}\n{site.Geo.Serve?.LogTail(60)}", cancellationToken);

    /// <summary>Returns when the site says that it is the confirmed primary.</summary>
    public static Task IsPrimaryAsync(Site site, TimeSpan deadline, CancellationToken cancellationToken) =>
        Wait.UntilAsync(token => site.Geo.AnswersAsync("/healthz/primary", token), deadline, () => $"{site.Name} is no primary\n{site.Geo.Serve?.LogTail(60)}", cancellationToken);

    public ValueTask DisposeAsync() => new(TwoSites.DisposeAllAsync(_parts));

    private static async Task<SiteGroup> StartPartsAsync(SiteGroupOptions options, LabDirectory directory, List<IAsyncDisposable> parts, CancellationToken cancellationToken)
    {
        var keys = new SiteKeys(directory.PathOf("keys"), SigningAlgorithm.Rsa);
        var tokens = Keep(await TokenServer.StartAsync(keys.Clients, Issuer, TwoSites.Client, cancellationToken: cancellationToken));
        foreach (var user in options.Users)
        {
            tokens.AddUser(user);
        }

        var schema = await MigratedCluster.DirectoryAsync(small: !options.Fsync);
        List<Site> sites = [];
        foreach (var name in options.Names)
        {
            var geo = Keep(new GeoSite(name, directory.PathOf(name, "geodr")));
            var postgres = Keep(await PostgresCluster.StartNewAsync(directory.PathOf(name, "postgres"), new PostgresOptions { Fsync = options.Fsync, RequirePassword = true }, schema, cancellationToken: cancellationToken));
            var registry = Keep(await DistributionRegistry.StartNewAsync(directory.PathOf(name, "registry"), new DistributionOptions
            {
                Token = new TokenAuth(tokens.Realm, "lab-registry", Issuer, keys.Bundle),
                Notifications = [new NotificationEndpoint("geodr", new Uri(geo.Url, "/api/v4/container_registry_event/events"), NotificationSecret)],
            }, cancellationToken));
            sites.Add(Keep(new Site(postgres, registry, geo, new RegistryClient(registry.Url, TwoSites.Client))));
        }

        foreach (var site in sites)
        {
            var (secret, open) = (directory.PathOf("keys", $"{site.Name}.key"), directory.PathOf("keys", $"{site.Name}.pub"));
            (await GeoProgram.RunAsync(["key", "new", "--private", secret, "--public", open], cancellationToken: cancellationToken)).EnsureSuccess();
        }

        var proxy = options.Proxy ? Keep(await HaProxy.StartAsync(directory.PathOf("proxy"), Ports.Free(), sites.Select(s => (s.Name, s.Registry.Port, s.Geo.Url.Port)), cancellationToken)) : null;
        var links = options.Links ? Keep(SiteNetwork.Start(sites)) : null;
        foreach (var site in sites)
        {
            Configure(site, sites, keys, tokens, proxy, links, directory, options);
        }

        await Task.WhenAll(sites.Select(s => s.Geo.StartServeAsync(cancellationToken: cancellationToken)));
        foreach (var site in sites.Skip(1))
        {
            site.Geo.StartWorkers(options.WorkerProcesses);
        }

        await IsPrimaryAsync(sites[0], TimeSpan.FromSeconds(30), cancellationToken);
        return new(directory, tokens, sites, proxy, links, parts);

        T Keep<T>(T part)
            where T : IAsyncDisposable
        {
            parts.Add(part);
            return part;
        }
    }

    private static void Configure(
        Site site, List<Site> all, SiteKeys keys, TokenServer tokens, HaProxy? proxy, SiteNetwork? links, LabDirectory directory, SiteGroupOptions options)
    {
        var (geo, first) = (site.Geo, all[0]);
        geo.Set("Site:Role", site == first ? "primary" : "secondary")
            .Set("Site:KeyFile", directory.PathOf("keys", $"{site.Name}.key"))
            .Set("Database", site.ConnectionString)
            .Set("Registry:Url", Text(site.Registry.Url)).Set("Registry:AllowHttp", "true")
            .Set("Notifications:Secrets:0", NotificationSecret)
            .Set("Tokens:Issuer", Issuer).Set("Tokens:KeyFile", keys.Sites.KeyFile).Set("Tokens:CertificateFile", keys.Sites.CertificateFile)
            .Set("Verification:Automatic", "false")
            .Set("Sync:Lease", options.Lease.ToString("c"))
            .Set("Failover:StartHold", "2s").Set("Failover:Heartbeat", "1s");
        foreach (var other in all.Where(s => s != site))
        {
            geo.Set($"Peers:{other.Name}:Url", Text(links?.Geo(site, other) ?? other.Geo.Url)).Set($"Peers:{other.Name}:PublicKeyFile", directory.PathOf("keys", $"{other.Name}.pub"))
                .Set($"Peers:{other.Name}:Registry:Url", Text(links?.Registry(site, other) ?? other.Registry.Url)).Set($"Peers:{other.Name}:Registry:AllowHttp", "true");
        }

        if (site != first)
        {
            geo.Set("Primary:Url", Text(links?.Geo(site, first) ?? first.Geo.Url)).Set("Primary:Log", links?.Log(site, first) ?? first.ConnectionString)
                .Set("Primary:Registry:Url", Text(links?.Registry(site, first) ?? first.Registry.Url)).Set("Primary:Registry:AllowHttp", "true");
        }

        if (proxy is not null)
        {
            geo.Set("Failover:Clients:Url", Text(proxy.Url)).Set("Failover:Clients:AllowHttp", "true")
                .Set("Failover:Clients:Username", TwoSites.Client.User).Set("Failover:Clients:Password", TwoSites.Client.Password)
                .Set("Failover:Clients:Realms:0", tokens.Realm.Authority);
        }

        options.Configure?.Invoke(geo);
    }

    private static string Text(Uri url) => url.AbsoluteUri.TrimEnd('/');
}
