using GeoDR.Configuration;
using Npgsql;

namespace GeoDR.Readiness;

/// <summary>What looks at whether a site could take over.</summary>
internal static class ReadinessComposition
{
    public static IServiceCollection AddReadiness(this IServiceCollection services, GeoSettings settings)
    {
        var composed = TimeProvider.System.GetTimestamp();
        return services.AddSingleton<CanaryNotices>().AddSingleton<PreflightBoard>().AddSingleton<DrillRuns>()
            .AddSingleton(p => new PreflightReader(settings, p.GetRequiredService<NpgsqlDataSource>(), p.GetRequiredService<TimeProvider>()))
            .AddSingleton(p => new DrillWork(settings, p.GetRequiredService<NpgsqlDataSource>(), p.GetRequiredService<TimeProvider>()))
            .AddHostedService(p => new StartMeter(
                p.GetRequiredService<NpgsqlDataSource>(), p.GetRequiredService<IHostApplicationLifetime>(), composed, p.GetRequiredService<ILogger<StartMeter>>(),
                p.GetRequiredService<TimeProvider>()));
    }
}
