using GeoDR.Dashboard.Live;
using GeoDR.Readiness;
using GeoDR.Schedules;
using GeoDR.Sites;
using Microsoft.AspNetCore.Components;

namespace GeoDR.Dashboard.Pages;

/// <summary>The drills of this site: one report, the history, and another one now.</summary>
public sealed partial class DrillPage : ReadingPage
{
    private const int Shown = 50;

    private IReadOnlyList<DrillRun> _runs = [];
    private DrillRun? _shown;
    private bool? _secondary;

    [Inject] private DrillRuns Drills { get; set; } = null!;

    [Inject] private ScheduleList Schedules { get; set; } = null!;

    [Inject] private SiteStore Sites { get; set; } = null!;

    /// <summary>Null for the newest.</summary>
    [Parameter] public long? Id { get; set; }

    protected override async Task ReadRowsAsync()
    {
        _secondary = await Sites.ReadAsync(Closed) is { IsPrimary: false };
        _runs = await Drills.ListAsync(Shown, Closed);
        _shown = Id is not { } id ? _runs.Count > 0 ? _runs[0] : null : _runs.FirstOrDefault(r => r.Id == id) ?? await Drills.GetAsync(id, Closed);
    }

    private Task WantAsync() => RunAsync(async name => await Schedules.WantAsync("drill", name, Closed) ? "A node begins it as soon as it is free." : "This site runs no drills: it is no secondary.");
}
