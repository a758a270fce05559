using GeoDR.Configuration;
using GeoDR.EventLog;
using GeoDR.Inventory;
using GeoDR.Reconcile;
using Npgsql;

namespace GeoDR.Hosting;

/// <summary>On a primary: looks at its registry while that sends no notifications, and asks for a comparison where it changes all the same.</summary>
internal sealed partial class SilenceLoop(
    OwnRegistry registry, NpgsqlDataSource source, InventoryStore inventory, Fingerprints fingerprints, ReconcileRuns runs, GeoSettings settings,
    ILogger<SilenceLoop> logger, TimeProvider time) : IntervalLoop(Interval(settings), logger, time)
{
    private readonly Silence _silence = new(source);

    private readonly SilenceLook _look = new(
        registry.Client, new(source), inventory, new PrimarySite(source, inventory, fingerprints, new LogAppender(source), time), runs,
        new Pace(settings.Reconcile.RequestsPerSecond, time), settings.Reconcile.Settle, time);

    protected override string Name => "the look at a silent registry";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        await _silence.ClearAsync(whatever: !settings.LooksAtSilence, cancel);
        if (settings.LooksAtSilence && await _look.RunOnceAsync(settings.Notifications.Silence, cancel))
            LogSilent(logger, settings.Notifications.Silence);
        return false;
    }

    private static TimeSpan Interval(GeoSettings settings) =>
        TimeSpan.FromSeconds(Math.Clamp(settings.Notifications.Silence.TotalSeconds / 4, 1, 30));

    [LoggerMessage(153, LogLevel.Warning, "The registry changes and has sent no notifications for {Silence}: look at its notification endpoint; a comparison was asked for")]
    private static partial void LogSilent(ILogger logger, TimeSpan silence);
}
