using GeoDR.Status;
using Microsoft.AspNetCore.Components;

namespace GeoDR.Dashboard.Layout;

/// <summary>The repositories by state, as one bar whose parts say their numbers.</summary>
public sealed partial class StateBar : ComponentBase
{
    [Parameter, EditorRequired] public StateCounts Counts { get; set; } = null!;

    private (string Word, long Count)[] Parts =>
        [("synced", Counts.Synced), ("started", Counts.Started), ("pending", Counts.Pending), ("failed", Counts.Failed)];

    private string Label => "Repositories: " + string.Join(", ", Parts.Select(p => $"{Display.Number(p.Count)} {p.Word}"));
}
