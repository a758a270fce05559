using GeoDR.Configuration;
using GeoDR.Retention;
using Npgsql;

namespace GeoDR.Hosting;

/// <summary>Prunes what was kept long enough; of a site's nodes one at a time.</summary>
internal sealed partial class RetentionLoop(RetentionPass retention, ILogger<RetentionLoop> logger, TimeProvider time)
    : IntervalLoop(TimeSpan.FromMinutes(10), logger, time)
{
    protected override string Name => "the retention";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        foreach (var (table, removed) in await retention.RunAsync(cancel))
            LogRemoved(logger, removed, table);
        return false;
    }

    [LoggerMessage(160, LogLevel.Information, "{Removed} rows were kept long enough and are removed from {Table}")]
    private static partial void LogRemoved(ILogger logger, long removed, string table);
}

/// <summary>What retention is made of.</summary>
internal static class RetentionComposition
{
    public static IServiceCollection AddRetention(this IServiceCollection services, GeoSettings settings) => services
        .AddSingleton(p => new RetentionPass(
            p.GetRequiredService<NpgsqlDataSource>(), RetentionRules.For(settings.Retention, settings.Log), p.GetRequiredService<TimeProvider>()))
        .AddHostedService<RetentionLoop>();
}
