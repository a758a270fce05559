using GeoDR.Dashboard.Live;
using GeoDR.Schedules;
using Microsoft.AspNetCore.Components;

namespace GeoDR.Dashboard.Pages;

/// <summary>The schedules, their last and next run, and the history of one.</summary>
public sealed partial class SchedulesPage : ReadingPage
{
    private const int Shown = 100;

    private IReadOnlyList<ScheduleRow> _rows = [];
    private IReadOnlyList<ScheduleRun> _runs = [];
    private string? _shown;

    [Inject] private ScheduleList Schedules { get; set; } = null!;

    [Inject] private ScheduleRuns Runs { get; set; } = null!;

    protected override async Task ReadRowsAsync()
    {
        _rows = await OnceAsync("schedules", Schedules.ListAsync);
        if (_shown is { } name)
            _runs = await Runs.ListAsync(name, Shown, Closed);
    }

    private Task ShowAsync(string name)
    {
        _shown = _shown == name ? null : name;
        _runs = [];
        return Operations.GuardAsync(ReadAsync);
    }

    private Task WantAsync(ScheduleRow row) => RunAsync(async name => await Schedules.WantAsync(row.Name, name, Closed)
        ? $"A node runs {row.Name} as soon as it is free." : $"There is no schedule {row.Name} any more.");
}
