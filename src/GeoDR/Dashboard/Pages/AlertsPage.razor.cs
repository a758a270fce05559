using GeoDR.Alerts;
using GeoDR.Audit;
using GeoDR.Configuration;
using GeoDR.Dashboard.Live;
using Microsoft.AspNetCore.Components;

namespace GeoDR.Dashboard.Pages;

/// <summary>What an operator should know, what was, and whether it was said to those who should hear it.</summary>
public sealed partial class AlertsPage : ReadingPage
{
    private const int Shown = 100;

    private IReadOnlyList<Alert> _alerts = [];
    private IReadOnlyList<DeliveryRow> _deliveries = [];

    [Inject] private AlertList Alerts { get; set; } = null!;

    [Inject] private AlertTargets Targets { get; set; } = null!;

    [Inject] private AuditLog Audit { get; set; } = null!;

    [Inject] private GeoSettings Settings { get; set; } = null!;

    protected override async Task ReadRowsAsync() =>
        (_alerts, _deliveries) = (await OnceAsync("alerts", cancel => Alerts.ListAsync(null, Shown, cancel)), await OnceAsync("deliveries", cancel => Alerts.DeliveriesAsync(Shown, cancel)));

    private Task TestAsync() => RunAsync(async name =>
    {
        await Audit.NoteAsync(name, AuditWords.AlertTest, null, null, null, Closed);
        return string.Join(" ", (await Targets.TestAsync(Settings.SiteName, Time, Closed))
            .Select(r => r.Result.Error is { } error ? $"{r.Target}: {error}." : $"The test reached {r.Target}."));
    });
}
