using System.Globalization;
using System.Reflection;
using GeoDR.Lab.Registries;
using Npgsql;

namespace GeoDR.Lab.Tool.Bench;

/// <summary>
/// A secondary whose database holds very many repositories and events, and its primary. Both registries answer every one of the
/// repositories' names with one shared image, and the primary's tells its GeoDR of pushes.
/// </summary>
internal sealed class ViewsLab : IAsyncDisposable
{
    private const string Prefix = "apps/service-";
    private const string Password = "bench-views-password";
    private const string Secret = "bench";

    private readonly LabDirectory _directory = LabDirectory.Create("bench-views");
    private readonly List<IAsyncDisposable> _parts = [];
    private PostgresCluster? _own;

    public GeoSite Secondary { get; private set; } = null!;

    public NpgsqlDataSource Database { get; private set; } = null!;

    public LabRegistry PrimaryRegistry { get; private set; } = null!;

    public LabRegistry SecondaryRegistry { get; private set; } = null!;

    /// <summary>What the secondary's PostgreSQL has written so far.</summary>
    public string SecondaryDatabaseLog
    {
        get
        {
            using var stream = new FileStream(
                _own?.Postmaster?.LogFile ?? throw new LabException("the plans are in the log of PostgreSQL, and that of --database is not known"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            using var reader = new StreamReader(stream);
            return reader.ReadToEnd();
        }
    }

    public static string Name(int number) => $"{Prefix}{number:d6}";

    public static async Task<ViewsLab> StartAsync(ViewsOptions options, CancellationToken cancellationToken)
    {
        var lab = new ViewsLab();
        try
        {
            await lab.StartPartsAsync(options, cancellationToken);
            return lab;
        }
        catch
        {
            await lab.DisposeAsync();
            throw;
        }
    }

    /// <summary>A client with the session of an administrator of the secondary.</summary>
    public async Task<HttpClient> SignedInAsync(CancellationToken cancellationToken)
    {
        await Secondary.RunAsync(["user", "add", "admin", "--role", "admin", "--password-stdin"], Password, cancellationToken);
        return (await DashboardSession.SignInAsync(Secondary.Url, "admin", Password, cancellationToken)).Http;
    }

    public async Task<T> ScalarAsync<T>(string sql, CancellationToken cancellationToken)
    {
        await using var command = Database.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    public async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = Database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Has every statement of 5 ms or more written down with its plan, or no longer.</summary>
    public async Task ExplainAsync(bool on, CancellationToken cancellationToken)
    {
        foreach (var (name, value) in new[] { ("log_min_duration", on ? "5" : "-1"), ("log_analyze", on ? "on" : "off"), ("log_buffers", on ? "on" : "off") })
        {
            await ExecuteAsync($"alter system set auto_explain.{name} = '{value}'", cancellationToken);
        }

        await ExecuteAsync("select pg_reload_conf()", cancellationToken);
        await Wait.UntilAsync(async token => await ScalarAsync<string>("show auto_explain.log_analyze", token) == (on ? "on" : "off"), TimeSpan.FromSeconds(10), () => "PostgreSQL did not read its settings again", cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var part in Enumerable.Reverse(_parts))
        {
            await part.DisposeAsync();
        }

        await _directory.DisposeAsync();
    }

    private async Task StartPartsAsync(ViewsOptions options, CancellationToken cancellationToken)
    {
        var (berlin, madrid) = (Keep(new GeoSite("berlin", _directory.PathOf("berlin", "geodr"))), Keep(new GeoSite("madrid", _directory.PathOf("madrid", "geodr"))));
        PrimaryRegistry = Keep(await LabRegistry.StartAsync(new LabRegistryOptions
        {
            Notifications = [new(new Uri(berlin.Url, "/api/v4/container_registry_event/events")) { Authorization = Secret }],
        }));
        SecondaryRegistry = Keep(await LabRegistry.StartAsync());
        var log = (await ClusterAsync("berlin", cancellationToken)).ConnectionString("berlin");
        _own = options.Database is null ? await ClusterAsync("madrid", cancellationToken) : null;
        var own = options.Database ?? _own!.ConnectionString("madrid");
        Set(berlin, "primary", log, PrimaryRegistry);
        Set(madrid, "secondary", own, SecondaryRegistry).Set("Primary:Log", log).Set("Primary:Url", Text(berlin.Url)).Set("Primary:AllowHttp", "true")
            .Set("Primary:Registry:Url", Text(PrimaryRegistry.Url)).Set("Primary:Registry:AllowHttp", "true");
        foreach (var (site, other) in new[] { (berlin, madrid), (madrid, berlin) })
        {
            (await GeoProgram.RunAsync(["key", "new", "--private", _directory.PathOf("keys", $"{site.Name}.key"), "--public", _directory.PathOf("keys", $"{site.Name}.pub")], cancellationToken: cancellationToken)).EnsureSuccess();
            site.Set("Site:KeyFile", _directory.PathOf("keys", $"{site.Name}.key"));
            other.Set($"Peers:{site.Name}:Url", Text(site.Url)).Set($"Peers:{site.Name}:PublicKeyFile", _directory.PathOf("keys", $"{site.Name}.pub"));
        }

        Secondary = madrid;
        Database = Keep(NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(own) { CommandTimeout = 0, ApplicationName = "bench" }.ConnectionString));
        await berlin.StartServeAsync(cancellationToken: cancellationToken);
        (await Secondary.RunAsync(["migrate"], null, cancellationToken)).EnsureSuccess();
        if (options.Database is null)
        {
            await FillAsync(options, cancellationToken);
        }

        // What is here is to stay as it is: the first start finds the sync held, and nothing at the primary.
        await ExecuteAsync("insert into site (name, role, paused) values ('madrid', 'secondary', true) on conflict (only_row) do update set paused = true", cancellationToken);
        await Secondary.StartServeAsync(TimeSpan.FromMinutes(5), cancellationToken);
        await Wait.UntilAsync(
            async token => await ScalarAsync<bool>("select exists (select from request where kind = 'backfill') and not exists (select from request where status = 'running')", token),
            TimeSpan.FromMinutes(5), () => $"no backfill of nothing\n{Secondary.Serve?.LogTail(30)}", cancellationToken);
        var image = LabImage.Create("views/shared", 2000);
        PrimaryRegistry.SeedGenerated(options.Rows, image, "v1", Prefix);
        SecondaryRegistry.SeedGenerated(options.Rows, image, "v1", Prefix);
    }

    private async Task FillAsync(ViewsOptions options, CancellationToken cancellationToken)
    {
        Console.Error.WriteLine($"views: generating {options.Rows} repositories and {options.Events} events");
        using var script = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream("Views.sql")!);
        await ExecuteAsync(
            (await script.ReadToEndAsync(cancellationToken))
                .Replace("{rows}", options.Rows.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
                .Replace("{events}", options.Events.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal),
            cancellationToken);
        await ExecuteAsync("vacuum analyze", cancellationToken);
    }

    private async Task<PostgresCluster> ClusterAsync(string name, CancellationToken cancellationToken)
    {
        var cluster = Keep(await PostgresCluster.StartNewAsync(
            _directory.PathOf(name, "postgres"),
            new PostgresOptions { Fsync = true, Settings = new Dictionary<string, string> { ["shared_buffers"] = "512MB", ["max_wal_size"] = "4GB", ["maintenance_work_mem"] = "256MB", ["shared_preload_libraries"] = "auto_explain" } },
            cancellationToken: cancellationToken));
        await cluster.CreateDatabaseAsync(name, cancellationToken: cancellationToken);
        return cluster;
    }

    private static GeoSite Set(GeoSite site, string role, string database, LabRegistry registry) => site
        .Set("Site:Role", role).Set("Database", database).Set("Notifications:Secrets:0", Secret).Set("Registry:Url", Text(registry.Url)).Set("Registry:AllowHttp", "true")
        .Set("Verification:Automatic", "false").Set("Reconcile:Every", "0s");

    private static string Text(Uri url) => url.AbsoluteUri.TrimEnd('/');

    private T Keep<T>(T part)
        where T : IAsyncDisposable
    {
        _parts.Add(part);
        return part;
    }
}
