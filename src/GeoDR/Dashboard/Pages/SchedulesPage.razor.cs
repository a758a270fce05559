using GeoDR.Dashboard.Access;
using GeoDR.Dashboard.Live;
using GeoDR.Schedules;
using Microsoft.AspNetCore.Components;
using Npgsql;

namespace GeoDR.Dashboard.Pages;

/// <summary>The schedules, their last and next run, and the history of one.</summary>
public sealed partial class SchedulesPage : LiveComponent
{
    private const int Shown = 100;

    private IReadOnlyList<ScheduleRow> _rows = [];
    private IReadOnlyList<ScheduleRun> _runs = [];
    private string? _shown;
    private bool _read;
    private bool _working;

    [Inject] private ScheduleList Schedules { get; set; } = null!;

    [Inject] private ScheduleRuns Runs { get; set; } = null!;

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

    private async Task ReadAsync()
    {
        (_rows, _read) = (await Schedules.ListAsync(Closed), true);
        if (_shown is { } name)
            _runs = await Runs.ListAsync(name, Shown, Closed);
    }

    private Task ShowAsync(string name)
    {
        _shown = _shown == name ? null : name;
        _runs = [];
        return Operations.GuardAsync(ReadAsync);
    }

    private async Task WantAsync(ScheduleRow row)
    {
        _working = true;
        await Operations.RunAsync(async name => await Schedules.WantAsync(row.Name, name, Closed)
            ? $"A node runs {row.Name} as soon as it is free." : $"There is no schedule {row.Name} any more.", Closed);
        _working = false;
        await Operations.GuardAsync(ReadAsync);
    }
}
