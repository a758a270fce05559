using GeoDR.Failover;
using Microsoft.AspNetCore.Components;

namespace GeoDR.Dashboard.TakeOver;

/// <summary>A promotion, step by step, as its row says: a page that is opened anew shows the same.</summary>
public sealed partial class RunPanel : ComponentBase
{
    private Report _report = null!;

    [Parameter, EditorRequired] public FailoverRun Run { get; set; } = null!;

    [Parameter, EditorRequired] public DateTimeOffset Now { get; set; }

    private IEnumerable<string> ToCome => Run.Status == "running" ? PromotionSteps.Of(Run.Planned).SkipWhile(s => s != Run.Step) : [];

    protected override void OnParametersSet() => _report = Report.Parse(Run.Report);
}
