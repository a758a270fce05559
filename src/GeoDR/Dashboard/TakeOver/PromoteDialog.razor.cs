using GeoDR.Dashboard.Access;
using GeoDR.Failover;
using GeoDR.Readiness;
using Microsoft.AspNetCore.Components;
using Npgsql;

namespace GeoDR.Dashboard.TakeOver;

/// <summary>What a promotion would do, what it would lose, and its confirmation.</summary>
public sealed partial class PromoteDialog : ComponentBase, IDisposable
{
    private readonly CancellationTokenSource _closed = new();
    private PromotionPlan? _plan;
    private string? _problem;
    private bool _unplanned;
    private bool _planning;
    private bool _changed;

    [Inject] private PromotionStart Start { get; set; } = null!;

    [Inject] private PreflightBoard Board { get; set; } = null!;

    private IReadOnlyList<PreflightCheck> Failing => Board.Latest?.Checks.Where(c => c.State == CheckStates.Fail).ToList() ?? [];

    protected override Task OnInitializedAsync() => PlanAsync(false);

    private async Task PlanAsync(bool unplanned)
    {
        (_unplanned, _planning, _changed) = (unplanned, true, false);
        try
        {
            _plan = await Start.PlanAsync(unplanned ? false : null, _closed.Token);
        }
        catch (Exception e) when (e is NpgsqlException or RoleChangedException)
        {
            _problem = e is NpgsqlException ? "The site's database does not answer." : e.Message;
        }
        _planning = false;
    }

    /// <summary>Begins what was shown; where that would cost more by now, it is shown anew.</summary>
    private async Task<string> BeginAsync(string by)
    {
        var shown = _plan!;
        await PlanAsync(_unplanned);
        if (!_plan!.CostsAs(shown))
        {
            _changed = true;
            StateHasChanged();
            throw new RoleChangedException("Nothing was done.");
        }
        await Start.BeginAsync(_plan, by, null, _closed.Token);
        return $"The promotion of {_plan.Site} has begun.";
    }

    public void Dispose()
    {
        _closed.Cancel();
        _closed.Dispose();
    }
}
