using GeoDR.Api;
using GeoDR.Audit;
using GeoDR.Configuration;
using GeoDR.Dashboard;
using GeoDR.Failover;
using GeoDR.Hosting;
using GeoDR.Intake;
using GeoDR.Jobs;
using GeoDR.Metrics;
using GeoDR.Postgres;
using GeoDR.Schedules;
using GeoDR.Sites;
using GeoDR.SyncState;
using GeoDR.Tokens;
using Npgsql;

namespace GeoDR.Cli;

/// <summary>Runs a site, or only its sync workers.</summary>
internal static class ServeVerb
{
    public static Task<int> RunAsync(CancellationToken cancel) => ByItselfAsync(migrate: true, ServeAsync, cancel);

    public static Task<int> RunWorkerAsync(CancellationToken cancel) => ByItselfAsync(migrate: false, WorkAsync, cancel);

    // What it does from here on, nobody does from this shell.
    private static Task<int> ByItselfAsync(bool migrate, Func<GeoSettings, Site, IJobEngine, bool, CancellationToken, Task<Ended>> run, CancellationToken cancel)
    {
        AuditOrigin.Address = null;
        return PreparedAsync(migrate, run, cancel);
    }

    private static async Task<Ended> ServeAsync(GeoSettings settings, Site site, IJobEngine engine, bool again, CancellationToken cancel)
    {
        if (!VerbSettings.Report([.. OwnCertificate.Faults(settings, VerbSettings.Configuration())]))
            return new(ExitCodes.Settings, Again: false);
        await using var app = Compose(settings, site, engine, again);
        if (site.Role == Site.Secondary && site.Follows is null && await SiteRelations.FaultAsync(app.Services, cancel) is { } fault)
            return new(VerbSettings.Report([fault]) ? ExitCodes.Success : ExitCodes.Settings, Again: false);
        app.UseExceptionHandler();
        // Who is not let in is told so as problem details, too.
        app.UseWhen(http => http.Request.Path.StartsWithSegments("/api"), api => api.UseStatusCodePages());
        app.MapDashboard();
        app.MapCalls();
        app.MapMetrics();
        app.MapOpenApi().RequireAuthorization(Roles.Viewer);
        engine.Map(app);
        // Its services are gone when it has run.
        var watch = app.Services.GetRequiredService<SiteWatch>();
        await app.RunAsync(cancel);
        return new(ExitCodes.Success, watch.Changed);
    }

    /// <summary>What a site is made of, without its pages and calls.</summary>
    internal static WebApplication Compose(GeoSettings settings, Site site, IJobEngine engine, bool again)
    {
        var role = site.Role;
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        Common(builder.Logging, builder.Services, settings, site);
        builder.WebHost.ConfigureKestrel(k =>
        {
            k.Limits.MaxRequestBodySize = null;
            OwnCertificate.Use(k, settings);
        });
        builder.WebHost.UseStaticWebAssets();
        builder.Services.AddProblemDetails();
        builder.Services.AddDashboard();
        builder.Services.AddDescription();
        if (role == Site.Primary)
            builder.Services.AddPrimary(settings);
        else
            builder.Services.AddSecondary(settings, site.Follows).AddSync(settings, site.Follows, engine);
        builder.Services.AddReconcile(settings).AddAlerts(settings).AddFailover(settings, again).AddSiteCalls().AddHostedService<HistoryLoop>();
        if (settings.Registry is not null)
            builder.Services.AddHostedService<ReconcileLoop>();
        if (role == Site.Primary && settings.Registry is not null)
            builder.Services.AddHostedService<SilenceLoop>();
        builder.Services.AddSchedules(settings, role, engine);
        return builder.Build();
    }

    /// <summary>What is called, by registries, sites and people's programs.</summary>
    internal static void MapCalls(this IEndpointRouteBuilder app)
    {
        app.MapIntake();
        app.MapSiteCalls();
        app.MapFailoverCalls();
        app.MapOffers();
        app.MapTokenGrants();
        app.MapJoin();
        app.MapReadinessApi();
        app.MapFailoverApi();
        app.MapRepositoryApi();
        app.MapReconcileApi();
        app.MapQuarantineApi();
        app.MapLossApi();
        app.MapListsApi();
        app.MapDeletionApi();
        app.MapSchedulesApi();
        app.MapAlertApi();
        app.MapAccountsApi();
        app.MapHealth();
    }

    private static async Task<Ended> WorkAsync(GeoSettings settings, Site site, IJobEngine engine, bool again, CancellationToken cancel)
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = AppContext.BaseDirectory });
        Common(builder.Logging, builder.Services, settings, site);
        if (site.IsPrimary)
            await Console.Error.WriteLineAsync("This site is a primary, and only a secondary syncs: this worker waits until it is one.");
        else
            builder.Services.AddSync(settings, site.Follows, engine);
        using var host = builder.Build();
        if (!site.IsPrimary && site.Follows is null && await SiteRelations.FaultAsync(host.Services, cancel) is { } fault)
            return new(VerbSettings.Report([fault]) ? ExitCodes.Success : ExitCodes.Settings, Again: false);
        var watch = host.Services.GetRequiredService<SiteWatch>();
        await host.RunAsync(cancel);
        return new(ExitCodes.Success, watch.Changed);
    }

    private static void Common(ILoggingBuilder logging, IServiceCollection services, GeoSettings settings, Site site)
    {
        logging.ClearProviders();
        logging.AddJsonConsole(o => o.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ");
        logging.Services.Configure<Microsoft.Extensions.Logging.Console.JsonConsoleFormatterOptions>(o => o.UseUtcTimestamp = true);
        logging.AddFilter("Microsoft", LogLevel.Warning).AddFilter("System", LogLevel.Warning).AddFilter("Npgsql", LogLevel.Warning).AddFilter("Quartz", LogLevel.Warning);
        services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(15));
        services.AddSite(settings).AddSiteWatch(site).AddHostedService<SecretWatch>();
    }

    /// <summary>How a host ended.</summary>
    /// <param name="Again">The site's part changed: the next host is composed for it.</param>
    private readonly record struct Ended(int Code, bool Again);

    /// <summary>Runs with the settings and the role that the database holds, or lists every fault; again for as long as the role changes.</summary>
    private static async Task<int> PreparedAsync(bool migrate, Func<GeoSettings, Site, IJobEngine, bool, CancellationToken, Task<Ended>> run, CancellationToken cancel)
    {
        if (VerbSettings.Read() is not { } initial || !VerbSettings.Report(KeyFaults(initial)))
            return ExitCodes.Settings;
        IJobEngine engine;
        try
        {
            engine = JobEngines.Find(initial.Jobs);
        }
        catch (NoEngineException e)
        {
            VerbSettings.Report([new(JobsSettings.EngineKey, e.Message)]);
            return ExitCodes.Settings;
        }
        for (var again = false; ; again = true)
        {
            var (settings, site, code) = await ReadSiteAsync(initial, migrate, cancel);
            if (code != ExitCodes.Success)
                return code;
            var ended = await run(settings, site, engine, again, cancel);
            if (!ended.Again || cancel.IsCancellationRequested)
                return ended.Code;
        }
    }

    private static async Task<(GeoSettings Settings, Site Site, int Code)> ReadSiteAsync(GeoSettings settings, bool migrate, CancellationToken cancel)
    {
        var now = new Site(settings.SiteName, settings.Role, false);
        var code = await VerbSettings.GuardAsync(async () =>
        {
            await using var source = SiteDatabase.Open(settings.Database);
            if (migrate)
            {
                await Migrator.MigrateAsync(source, cancel);
                await Migrator.GrantReaderAsync(source, cancel);
                await QuartzStore.ProvisionAsync(source, cancel);
            }
            else
                await SchemaAsync(source, cancel);
            var sites = new SiteStore(source);
            var site = migrate ? await sites.EnsureAsync(settings.SiteName, settings.Role, cancel) : await sites.ReadAsync(cancel);
            var book = new SiteBook(source);
            if (migrate)
                await SettingsBook.WriteAsync(settings, book, cancel);
            if (site is { IsPrimary: true } && migrate)
            {
                await new EventLog.LogAppender(source).EnsureLogAsync(cancel);
                if (settings.SiteKey?.Value is { } key)
                    await new RoleChange(source, TimeProvider.System).BeginAsync(key, cancel);
            }
            now = site ?? now;
            var (followed, faults) = await Following.ApplyAsync(settings, site, book, cancel);
            settings = followed;
            return VerbSettings.Report(faults) ? ExitCodes.Success : ExitCodes.Settings;
        });
        return (settings, now, code);
    }

    /// <summary>A worker migrates nothing: where it was upgraded first, it waits until somebody does.</summary>
    private static async Task SchemaAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        for (var said = false; (await Migrator.PendingAsync(source, cancel)).Count > 0; said = true)
        {
            if (!said)
                await Console.Error.WriteLineAsync("This database's schema is older than this worker, which waits: run `geodr migrate`, or start `geodr serve` of this version.");
            await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System, cancel);
        }
    }

    private static List<Fault> KeyFaults(GeoSettings settings)
    {
        var faults = new List<Fault>();
        Try("Geo:Tokens:KeyFile", () => RegistryClients.Signer(settings, TimeProvider.System));
        if (settings.SiteKeyFile is { } file)
            Try("Geo:Site:KeyFile", () => SiteKey.Load(file));
        foreach (var peer in settings.Peers.Where(p => p.PublicKeyFile is not null))
            Try($"Geo:Peers:{peer.Name}:PublicKeyFile", () => SiteKey.LoadAll(peer.PublicKeyFile!));
        return faults;

        void Try(string key, Func<object?> load)
        {
            try
            {
                var loaded = load();
                foreach (var one in loaded as IEnumerable<IDisposable> ?? [])
                    one.Dispose();
                (loaded as IDisposable)?.Dispose();
            }
            catch (Exception e) when (e is TokenKeyException or IOException or UnauthorizedAccessException
                or System.Security.Cryptography.CryptographicException or ArgumentException)
            {
                faults.Add(new(key, e.Message));
            }
        }
    }
}
