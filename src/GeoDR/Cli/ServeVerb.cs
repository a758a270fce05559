using GeoDR.Api;
using GeoDR.Configuration;
using GeoDR.Dashboard;
using GeoDR.Hosting;
using GeoDR.Intake;
using GeoDR.Postgres;
using GeoDR.Sites;
using GeoDR.SyncState;
using GeoDR.Tokens;
using Npgsql;

namespace GeoDR.Cli;

/// <summary>Runs a site, or only its sync workers.</summary>
internal static class ServeVerb
{
    public static async Task<int> RunAsync(CancellationToken cancel)
    {
        if (await PrepareAsync(migrate: true, cancel) is not { } site)
            return ExitCodes.Settings;
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        Common(builder.Logging, builder.Services, site.Settings);
        builder.WebHost.ConfigureKestrel(k => k.Limits.MaxRequestBodySize = null);
        builder.WebHost.UseStaticWebAssets();
        builder.Services.AddProblemDetails();
        builder.Services.AddDashboard();
        builder.Services.AddOpenApi();
        if (site.Role == Site.Primary)
            builder.Services.AddPrimary(site.Settings);
        else
            builder.Services.AddSecondary(site.Settings).AddSync(site.Settings);
        await using var app = builder.Build();
        if (site.Role == Site.Secondary && await SiteRelations.FaultAsync(app.Services, cancel) is { } fault)
            return VerbSettings.Report([fault]) ? ExitCodes.Success : ExitCodes.Settings;
        app.UseExceptionHandler();
        app.MapDashboard();
        app.MapIntake();
        app.MapSiteCalls();
        app.MapRepositoryApi();
        app.MapOpenApi().RequireAuthorization(Roles.Viewer);
        app.MapHealth();
        await app.RunAsync(cancel);
        return ExitCodes.Success;
    }

    public static async Task<int> RunWorkerAsync(CancellationToken cancel)
    {
        if (await PrepareAsync(migrate: false, cancel) is not { } site)
            return ExitCodes.Settings;
        if (site.Role != Site.Secondary)
        {
            await Console.Error.WriteLineAsync("Only a secondary syncs; run workers at the secondary site.");
            return ExitCodes.Failed;
        }
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = AppContext.BaseDirectory });
        Common(builder.Logging, builder.Services, site.Settings);
        builder.Services.AddSync(site.Settings);
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
        logging.AddFilter("Microsoft", LogLevel.Warning).AddFilter("System", LogLevel.Warning).AddFilter("Npgsql", LogLevel.Warning);
        services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(15));
        services.AddSite(settings);
    }

    /// <summary>The settings and the role that the database holds; null after every fault was listed.</summary>
    private static async Task<(GeoSettings Settings, string Role)?> PrepareAsync(bool migrate, CancellationToken cancel)
    {
        if (VerbSettings.Read() is not { } settings)
            return null;
        var faults = new List<Fault>();
        KeyFaults(settings, faults);
        if (faults.Count > 0)
            return VerbSettings.Report(faults) ? null : null;
        await using var source = SiteDatabase.Open(settings.Database);
        try
        {
            if (migrate)
            {
                await Migrator.MigrateAsync(source, cancel);
                await Migrator.GrantReaderAsync(source, cancel);
            }
            var sites = new SiteStore(source);
            var site = migrate ? await sites.EnsureAsync(settings.SiteName, settings.Role, cancel) : await sites.ReadAsync(cancel);
            if (site is { IsPrimary: true } && migrate)
                await new EventLog.LogAppender(source).EnsureLogAsync(cancel);
            return (settings, site?.Role ?? settings.Role);
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException)
        {
            VerbSettings.Report([new("Geo:Database", $"cannot be used: {e.Message}")]);
            return null;
        }
    }

    private static void KeyFaults(GeoSettings settings, List<Fault> faults)
    {
        Try("Geo:Tokens:KeyFile", () => RegistryClients.Signer(settings, TimeProvider.System));
        if (settings.SiteKeyFile is { } file)
            Try("Geo:Site:KeyFile", () => SiteKey.Load(file));
        foreach (var peer in settings.Peers.Where(p => p.PublicKeyFile is not null))
            Try($"Geo:Peers:{peer.Name}:PublicKeyFile", () => SiteKey.LoadPublic(peer.PublicKeyFile!));

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
