using GeoDR.Api;
using GeoDR.Configuration;
using GeoDR.Dashboard;
using GeoDR.Hosting;
using GeoDR.Intake;
using GeoDR.Metrics;
using GeoDR.Postgres;
using GeoDR.Schedules;
using GeoDR.Sites;
using GeoDR.SyncState;
using GeoDR.Tokens;

namespace GeoDR.Cli;

/// <summary>Runs a site, or only its sync workers.</summary>
internal static class ServeVerb
{
    public static Task<int> RunAsync(CancellationToken cancel) => PreparedAsync(migrate: true, ServeAsync, cancel);

    public static Task<int> RunWorkerAsync(CancellationToken cancel) => PreparedAsync(migrate: false, WorkAsync, cancel);

    private static async Task<int> ServeAsync(GeoSettings settings, string role, CancellationToken cancel)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        Common(builder.Logging, builder.Services, settings);
        builder.WebHost.ConfigureKestrel(k => k.Limits.MaxRequestBodySize = null);
        builder.WebHost.UseStaticWebAssets();
        builder.Services.AddProblemDetails();
        builder.Services.AddDashboard();
        builder.Services.AddOpenApi();
        if (role == Site.Primary)
            builder.Services.AddPrimary(settings);
        else
            builder.Services.AddSecondary(settings).AddSync(settings);
        builder.Services.AddReconcile(settings).AddAlerts(settings).AddSiteCalls();
        if (settings.Registry is not null)
            builder.Services.AddHostedService<ReconcileLoop>();
        if (role == Site.Primary && settings.Registry is not null)
            builder.Services.AddHostedService<SilenceLoop>();
        builder.Services.AddSchedules(settings, role);
        await using var app = builder.Build();
        if (role == Site.Secondary && await SiteRelations.FaultAsync(app.Services, cancel) is { } fault)
            return VerbSettings.Report([fault]) ? ExitCodes.Success : ExitCodes.Settings;
        app.UseExceptionHandler();
        app.MapDashboard();
        app.MapIntake();
        app.MapSiteCalls();
        app.MapRepositoryApi();
        app.MapReconcileApi();
        app.MapQuarantineApi();
        app.MapLossApi();
        app.MapListsApi();
        app.MapDeletionApi();
        app.MapSchedulesApi();
        app.MapAlertApi();
        app.MapMetrics();
        app.MapOpenApi().RequireAuthorization(Roles.Viewer);
        app.MapHealth();
        await app.RunAsync(cancel);
        return ExitCodes.Success;
    }

    private static async Task<int> WorkAsync(GeoSettings settings, string role, CancellationToken cancel)
    {
        if (role != Site.Secondary)
        {
            await Console.Error.WriteLineAsync("Only a secondary syncs; run workers at the secondary site.");
            return ExitCodes.Failed;
        }
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = AppContext.BaseDirectory });
        Common(builder.Logging, builder.Services, settings);
        builder.Services.AddSync(settings);
        using var host = builder.Build();
        if (await SiteRelations.FaultAsync(host.Services, cancel) is { } fault)
            return VerbSettings.Report([fault]) ? ExitCodes.Success : ExitCodes.Settings;
        await host.RunAsync(cancel);
        return ExitCodes.Success;
    }

    private static void Common(ILoggingBuilder logging, IServiceCollection services, GeoSettings settings)
    {
        logging.ClearProviders();
        logging.AddJsonConsole(o => o.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ");
        logging.Services.Configure<Microsoft.Extensions.Logging.Console.JsonConsoleFormatterOptions>(o => o.UseUtcTimestamp = true);
        logging.AddFilter("Microsoft", LogLevel.Warning).AddFilter("System", LogLevel.Warning).AddFilter("Npgsql", LogLevel.Warning).AddFilter("Quartz", LogLevel.Warning);
        services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(15));
        services.AddSite(settings);
    }

    /// <summary>Runs with the settings and the role that the database holds, or lists every fault.</summary>
    private static async Task<int> PreparedAsync(bool migrate, Func<GeoSettings, string, CancellationToken, Task<int>> run, CancellationToken cancel)
    {
        if (VerbSettings.Read() is not { } settings || !VerbSettings.Report(KeyFaults(settings)))
            return ExitCodes.Settings;
        var role = settings.Role;
        var code = await VerbSettings.GuardAsync(async () =>
        {
            await using var source = SiteDatabase.Open(settings.Database);
            if (migrate)
            {
                await Migrator.MigrateAsync(source, cancel);
                await Migrator.GrantReaderAsync(source, cancel);
                await QuartzStore.ProvisionAsync(source, cancel);
            }
            var sites = new SiteStore(source);
            var site = migrate ? await sites.EnsureAsync(settings.SiteName, settings.Role, cancel) : await sites.ReadAsync(cancel);
            if (site is { IsPrimary: true } && migrate)
                await new EventLog.LogAppender(source).EnsureLogAsync(cancel);
            role = site?.Role ?? role;
            return ExitCodes.Success;
        });
        return code == ExitCodes.Success ? await run(settings, role, cancel) : code;
    }

    private static List<Fault> KeyFaults(GeoSettings settings)
    {
        var faults = new List<Fault>();
        Try("Geo:Tokens:KeyFile", () => RegistryClients.Signer(settings, TimeProvider.System));
        if (settings.SiteKeyFile is { } file)
            Try("Geo:Site:KeyFile", () => SiteKey.Load(file));
        foreach (var peer in settings.Peers.Where(p => p.PublicKeyFile is not null))
            Try($"Geo:Peers:{peer.Name}:PublicKeyFile", () => SiteKey.LoadPublic(peer.PublicKeyFile!));
        return faults;

        void Try(string key, Func<object?> load)
        {
            try
            {
                (load() as IDisposable)?.Dispose();
            }
            catch (Exception e) when (e is TokenKeyException or IOException or UnauthorizedAccessException
                or System.Security.Cryptography.CryptographicException or ArgumentException)
            {
                faults.Add(new(key, e.Message));
            }
        }
    }
}
