using GeoDR.Dashboard.Access;
using GeoDR.Dashboard.Live;
using GeoDR.Readiness;
using GeoDR.Sites;
using Microsoft.AspNetCore.Components;

namespace GeoDR.Dashboard.TakeOver;

/// <summary>(secondary) The last preflight, check by check, and a new one.</summary>
public sealed partial class ReadinessPanel : LiveComponent
{
    // Who opens the page wants to know how it is, not how it was.
    private static readonly TimeSpan s_old = TimeSpan.FromMinutes(10);

    [Inject] private PreflightBoard Board { get; set; } = null!;

    [Inject] private Actor Actor { get; set; } = null!;

    private (string State, string Words) Verdict => Board is { Latest: null, IsRunning: true } ? ("unknown", "Being checked…") : TakeOverWords.Verdict(Board.Latest);

    protected override async Task OnAfterRenderAsync(bool firstRender)
    {
        if (firstRender && (Board.Latest is null || Time.GetUtcNow() - Board.Latest.At > s_old))
            await CheckAsync();
    }

    // It pushes a canary: whoever only looks begins none.
    private async Task CheckAsync()
    {
        if (!(await Actor.AskAsync(Roles.Operator, Closed)).May)
            return;
        Board.Begin();
        StateHasChanged();
    }
}
