using GeoDR.Alerts;
using GeoDR.Configuration;
using GeoDR.Dashboard.Access;
using GeoDR.Dashboard.Live;
using Microsoft.AspNetCore.Components;
using Npgsql;

namespace GeoDR.Dashboard.Pages;

/// <summary>What an operator should know, what was, and whether it was said to those who should hear it.</summary>
public sealed partial class AlertsPage : LiveComponent
{
    private const int Shown = 100;

    private IReadOnlyList<Alert> _alerts = [];
    private IReadOnlyList<DeliveryRow> _deliveries = [];
    private bool _read;
    private bool _working;

    [Inject] private AlertList Alerts { get; set; } = null!;

    [Inject] private AlertTargets Targets { get; set; } = null!;

    [Inject] private GeoSettings Settings { get; set; } = null!;

    [Inject] private Operations Operations { get; set; } = null!;

    private DateTimeOffset Now => Time.GetUtcNow();

    protected override async Task OnParametersSetAsync()
    {
        try
        {
            await ReadAsync();
        }
        catch (NpgsqlException)
        {
            // The header says that the database does not answer; the next reading of the status tries again.
        }
    }

    protected override Task OnLiveAsync(LiveSnapshot snapshot) => ReadAsync();

    private async Task ReadAsync() =>
        (_alerts, _deliveries, _read) = (await Alerts.ListAsync(null, Shown, Closed), await Alerts.DeliveriesAsync(Shown, Closed), true);

    private async Task TestAsync()
    {
        _working = true;
        await Operations.RunAsync(async _ => string.Join(" ", (await Targets.TestAsync(Settings.SiteName, Time, Closed))
            .Select(r => r.Result.Error is { } error ? $"{r.Target}: {error}." : $"The test reached {r.Target}.")), Closed);
        _working = false;
    }
}
