using GeoDR.Dashboard.Live;
using GeoDR.Failover;
using Microsoft.AspNetCore.Components;

namespace GeoDR.Dashboard.Pages;

/// <summary>One promotion: steps, times, what was lost.</summary>
public sealed partial class FailoverReportPage : ReadingPage
{
    private FailoverRun? _run;
    private Report? _report;

    [Inject] private FailoverRuns Runs { get; set; } = null!;

    [Parameter] public Guid Id { get; set; }

    protected override async Task ReadRowsAsync()
    {
        // What has ended changes no more.
        if (_run is { } run && run.Id == Id && run.Status != "running")
            return;
        _run = await Runs.GetAsync(Id, Closed);
        _report = _run is null ? null : Report.Parse(_run.Report);
    }

    private static string Lost(Report report) => report.Planned ? "nothing" : report.Loss is { } loss ? PromotionStart.LostInWords(loss) : "not known";
}
