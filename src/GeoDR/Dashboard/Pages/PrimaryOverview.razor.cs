using GeoDR.Dashboard.Live;
using GeoDR.Status;
using Microsoft.AspNetCore.Components;
using Npgsql;

namespace GeoDR.Dashboard.Pages;

/// <summary>A primary's log, and every site.</summary>
public sealed partial class PrimaryOverview : ComponentBase
{
    private IReadOnlyList<SiteRow> _rows = [];

    [Parameter, EditorRequired] public SiteStatus Site { get; set; } = null!;

    [Parameter, EditorRequired] public DateTimeOffset Now { get; set; }

    [Inject] private LiveStatus LiveStatus { get; set; } = null!;

    [Inject] private SiteRows Rows { get; set; } = null!;

    protected override async Task OnParametersSetAsync()
    {
        try
        {
            _rows = await LiveStatus.OnceAsync("sites", cancel => Rows.ReadAsync(LiveStatus.Latest?.Status, cancel), default);
        }
        catch (NpgsqlException)
        {
            // The header says that the database does not answer; the next reading of the status tries again.
        }
    }
}
