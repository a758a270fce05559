using GeoDR.Alerts;
using GeoDR.Configuration;
using GeoDR.Status;
using Npgsql;

namespace GeoDR.Hosting;

/// <summary>Looks at everything that is worth an alert; of a site's nodes one each time.</summary>
internal sealed partial class AlertLoop(
    AlertBook book, StatusReader status, AlertTargets targets, GeoSettings settings, NpgsqlDataSource source, ILogger<AlertLoop> logger, TimeProvider time)
    : IntervalLoop(settings.Alerts.Every < TimeSpan.FromSeconds(5) ? settings.Alerts.Every : TimeSpan.FromSeconds(5), logger, time)
{
    private static readonly TimeSpan s_keep = TimeSpan.FromDays(90);

    private bool _set;

    protected override string Name => "the alerts";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        // Settings change with a start only.
        if (!_set)
            await new LossTargets(source).SetAsync(settings.Alerts.Targets, cancel);
        _set = true;
        if (!await book.TakeTurnAsync(settings.Alerts.Every, cancel) || await status.ReadAsync(cancel) is not { } site)
            return false;
        var limits = new ReaderLimits(settings.Log.ReaderSilence, settings.Log.MaxEvents);
        IReadOnlyList<Condition> found =
        [
            .. AlertConditions.Of(site, await AlertFacts.ReadAsync(source, cancel), limits),
            .. settings.SecretFiles.Select(f => AlertConditions.OfSecret(f.Key, f.Fault)).OfType<Condition>(),
        ];
        var written = await book.WriteAsync(site.Name, found, targets.Names, settings.Alerts.Remind, cancel);
        if (written.Raised > 0)
            LogRaised(logger, written.Raised);
        if (written.Ended > 0)
            LogEnded(logger, written.Ended);
        await book.PruneAsync(s_keep, cancel);
        return false;
    }

    [LoggerMessage(220, LogLevel.Warning, "{Count} alerts were raised; `geodr alerts list` names them")]
    private static partial void LogRaised(ILogger logger, int count);

    [LoggerMessage(221, LogLevel.Information, "{Count} alerts are over")]
    private static partial void LogEnded(ILogger logger, int count);
}

/// <summary>Says what the alerts left to be said.</summary>
internal sealed partial class DeliveryLoop(Outbox outbox, AlertTargets targets, ILogger<DeliveryLoop> logger, TimeProvider time)
    : IntervalLoop(TimeSpan.FromSeconds(1), logger, time)
{
    protected override string Name => "the alerts' delivery";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel) =>
        // Side by side: a target that is silent keeps no other waiting for long.
        (await Task.WhenAll(targets.All.Select(t => SendOneAsync(t, cancel)))).Any(sent => sent);

    private async Task<bool> SendOneAsync(IAlertTarget target, CancellationToken cancel)
    {
        if (await outbox.TakeAsync([target.Name], cancel) is not { } delivery)
            return false;
        var result = await target.SendAsync(delivery.Message, delivery.Key, cancel);
        await outbox.WriteAsync(delivery, result, cancel);
        if (result.Error is { } error)
            LogFailed(logger, delivery.Target, delivery.Attempts, error);
        return true;
    }

    [LoggerMessage(222, LogLevel.Warning, "An alert by {Target}, try {Attempt}: {Reason}")]
    private static partial void LogFailed(ILogger logger, string target, int attempt, string reason);
}

/// <summary>What alerts are made of.</summary>
internal static class AlertComposition
{
    public static IServiceCollection AddAlerts(this IServiceCollection services, GeoSettings settings)
    {
        if (settings.Alerts.MetricsListen is not null)
            services.AddHostedService<Metrics.MetricsListener>();
        return services
            .AddSingleton<AlertBook>().AddSingleton<AlertList>().AddSingleton<Outbox>()
            .AddSingleton(p => Targets(settings, p.GetRequiredService<TimeProvider>()))
            .AddSingleton<Metrics.MetricsReader>()
            .AddHostedService<AlertLoop>().AddHostedService<DeliveryLoop>();
    }

    public static AlertTargets Targets(GeoSettings settings, TimeProvider time)
    {
        var all = new List<IAlertTarget>();
        if (settings.Alerts.Webhook is { } webhook)
            all.Add(new Webhook(webhook, time));
        if (settings.Alerts.Mail is { } mail)
            all.Add(new Mail(mail, time));
        return new(all);
    }
}
