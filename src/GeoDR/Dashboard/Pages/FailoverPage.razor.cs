using GeoDR.Dashboard.Access;
using GeoDR.Dashboard.Live;
using GeoDR.Dashboard.TakeOver;
using GeoDR.Failover;
using GeoDR.Readiness;
using GeoDR.Sites;
using GeoDR.Status;
using Microsoft.AspNetCore.Components;
using Radzen;

namespace GeoDR.Dashboard.Pages;

/// <summary>Could this site take over now, what would it cost, and the way there and back.</summary>
public sealed partial class FailoverPage : ReadingPage
{
    private const int ShownRuns = 20;

    // A promotion that has just ended is what somebody looks for.
    private static readonly TimeSpan s_fresh = TimeSpan.FromHours(1);

    private static readonly DialogOptions s_dialog = new() { Width = "min(42rem, 94vw)", CloseDialogOnEsc = true, AutoFocusFirstElement = true };

    private Site? _site;
    private bool _admin;
    private IReadOnlyList<SiteRow> _rows = [];
    private IReadOnlyList<FailoverRun> _runs = [];
    private IReadOnlyList<LostPush> _lost = [];
    private DrillRun? _drill;
    private long _divergent;

    [Inject] private Actor Actor { get; set; } = null!;

    [Inject] private DialogService Dialogs { get; set; } = null!;

    [Inject] private SiteStore Sites { get; set; } = null!;

    [Inject] private SiteRows Rows { get; set; } = null!;

    [Inject] private FailoverRuns Runs { get; set; } = null!;

    [Inject] private DrillRuns Drills { get; set; } = null!;

    [Inject] private DivergentTags Divergent { get; set; } = null!;

    [Inject] private LossReader Losses { get; set; } = null!;

    [Inject] private DemotionStart Demotion { get; set; } = null!;

    [Inject] private TermChoice Choice { get; set; } = null!;

    [Inject] private ClientFence Clients { get; set; } = null!;

    [Inject] private Revocation Revocation { get; set; } = null!;

    [Inject] private SiteRemoval Removal { get; set; } = null!;

    private List<SiteRow> Candidates => [.. _rows.Where(r => r is { IsThis: false, MayPromote: true, Revoked: false, Url: not null })];

    protected override async Task ReadRowsAsync()
    {
        _admin = await Actor.MayAsync(Roles.Admin);
        _site = await Sites.ReadAsync(Closed);
        if (_site is null)
            return;
        _rows = await OnceAsync("sites", cancel => Rows.ReadAsync(Live?.Status, cancel));
        _runs = await OnceAsync("promotions", cancel => Runs.ListAsync(ShownRuns, cancel));
        _drill = await OnceAsync("last drill", cancel => Drills.ListAsync(1, cancel)) is [var last, ..] ? last : null;
        _divergent = await OnceAsync("divergent", Divergent.CountOpenAsync);
        _lost = _site.IsPrimary || Live?.Status?.Loss is not { Pushes: > 0 } ? [] : (await OnceAsync("loss", cancel => Losses.PageAsync(null, 20, cancel)))!.Items;
    }

    private static string Failover(SiteRow row) => new Uri(new(row.Url!), "/failover").AbsoluteUri;

    private async Task PromoteAsync(string site)
    {
        await Dialogs.OpenAsync<PromoteDialog>($"Promote {site}", null, s_dialog);
        await Operations.GuardAsync(ReadAsync);
    }

    private Task DemoteAsync() => Operations.GuardAsync(async () =>
    {
        var plan = await Demotion.PlanAsync(Closed);
        await ConfirmAsync($"Demote {plan.Site}", [plan.InWords], plan.Refusal, plan.Site, $"Demote {plan.Site}", async by =>
        {
            await Demotion.DemoteAsync(await Demotion.PlanAsync(Closed), by, Closed);
            return $"{plan.Site} becomes a secondary of {plan.To}.";
        });
    });

    private async Task InviteAsync()
    {
        await Dialogs.OpenAsync<InviteDialog>("Invite a site", null, s_dialog);
        await Operations.GuardAsync(ReadAsync);
    }

    private Task FenceAsync(string site, bool fence) => ConfirmAsync(
        fence ? "Fence clients" : "Let clients in", [Clients.InWords(fence)], null, site, fence ? "Fence clients" : "Let clients in", by => Clients.SetAsync(fence, by, Closed));

    private Task ChooseAsync(string chosen) => Operations.GuardAsync(async () =>
    {
        var plan = await Choice.PlanAsync(chosen, Closed);
        await ConfirmAsync($"{chosen} stays the primary", [plan.InWords], plan.Refusal, plan.Site, $"{chosen} stays", async by =>
            await Choice.ChooseAsync(await Choice.PlanAsync(chosen, Closed), by, Closed));
    });

    private Task RevokeAsync(SiteRow row) => ConfirmAsync(
        $"Revoke {row.Name}",
        [$"From now on this site takes no call of {row.Name}, counts no term of it, and grants it no token. Only another invitation lets it take part again.", "Revoke it at the other sites, too."],
        null, row.Name, $"Revoke {row.Name}", async by => await Revocation.RevokeAsync(row.Name, by, Closed) ? $"{row.Name} is revoked here." : $"{row.Name} is not known here any more.");

    private Task RemoveAsync(SiteRow row) => Operations.GuardAsync(async () =>
    {
        var plan = await Removal.PlanAsync(row.Name, Closed);
        await ConfirmAsync($"Remove {row.Name}", plan.InWords, plan.Refusal, row.Name, $"Remove {row.Name}", async by =>
        {
            await Removal.RemoveAsync(await Removal.PlanAsync(row.Name, Closed), by, Closed);
            return $"{row.Name} is removed here.";
        });
    });

    private async Task ConfirmAsync(string title, IReadOnlyList<string> words, string? refusal, string name, string verb, Func<string, Task<string>> act)
    {
        await Dialogs.OpenAsync<ConfirmDialog>(title, new()
        {
            [nameof(ConfirmDialog.Words)] = refusal is null ? words : [], [nameof(ConfirmDialog.Refusal)] = refusal, [nameof(ConfirmDialog.Name)] = name,
            [nameof(ConfirmDialog.Verb)] = verb, [nameof(ConfirmDialog.Act)] = act,
        }, s_dialog);
        await Operations.GuardAsync(ReadAsync);
    }
}
