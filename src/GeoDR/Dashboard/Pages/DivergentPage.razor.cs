using GeoDR.Dashboard.Access;
using GeoDR.Dashboard.Live;
using GeoDR.Failover;
using GeoDR.Sites;
using Microsoft.AspNetCore.Components;
using Radzen;

namespace GeoDR.Dashboard.Pages;

/// <summary>What only one site has, and an operator's word on it.</summary>
public sealed partial class DivergentPage : ReadingPage
{
    private const int Shown = 200;

    private static readonly (string Decision, string Words)[] s_decisions =
        [(DivergentTags.Take, "Take over"), (DivergentTags.Aside, "Keep aside"), (DivergentTags.Drop, "Drop")];

    private IReadOnlyList<DivergentTag> _tags = [];
    private HashSet<DivergentTag> _selected = [];
    private bool? _primary;
    private string? _follows;
    private bool _operator;

    [Inject] private Actor Actor { get; set; } = null!;

    [Inject] private DivergentTags Divergent { get; set; } = null!;

    [Inject] private SiteStore Sites { get; set; } = null!;

    [Inject] private DialogService Dialogs { get; set; } = null!;

    [Inject] private NavigationManager Navigation { get; set; } = null!;

    [SupplyParameterFromQuery(Name = "all")] private string? Everything { get; set; }

    private bool All => Everything is "true";

    private IEnumerable<DivergentTag> Open => _tags.Where(t => t.DoneAt is null);

    protected override async Task ReadRowsAsync()
    {
        _operator = await Actor.MayAsync(Roles.Operator);
        var site = await Sites.ReadAsync(Closed);
        (_primary, _follows) = (site?.IsPrimary, site?.Follows);
        _tags = await Divergent.ListAsync(!All, ("", "", ""), Shown, Closed);
        // What changed since it was selected is to be looked at again.
        _selected = [.. Open.Where(_selected.Contains)];
    }

    private void Select(DivergentTag tag, bool selected)
    {
        if (selected)
            _selected.Add(tag);
        else
            _selected.Remove(tag);
    }

    private void SelectAll(bool selected) => _selected = selected ? [.. Open] : [];

    private async Task DecideAsync(string decision, IReadOnlyList<DivergentTag> tags)
    {
        var what = tags is [var one] ? $"{one.Repository}:{one.Tag} of {one.Site}" : $"{Display.Number(tags.Count)} tags of {string.Join(", ", tags.Select(t => t.Site).Distinct())}";
        var asked = await Dialogs.Confirm(decision switch
        {
            DivergentTags.Take => $"Take over {what}: the primary's registry gets that content under that tag, and so does every site. What the primary has there now loses its tag.",
            DivergentTags.Aside => $"Keep {what} aside: the primary keeps it beside its own tag, as TAG-SITE-DIGEST.",
            _ => $"Drop {what}: the site may overwrite or delete it, and nobody keeps it.",
        }, s_decisions.First(d => d.Decision == decision).Words, new() { OkButtonText = s_decisions.First(d => d.Decision == decision).Words, CancelButtonText = "Cancel", Width = "min(32rem, 94vw)" });
        if (asked == true)
            await RunAsync(async by => $"{Display.Number(await Divergent.DecideAsync(tags, decision, by, Closed), "tag is", "tags are")} decided.");
    }

    private static string Short(string digest) => digest.Length > 19 ? digest[..19] : digest;

    private static string StateOf(DivergentTag tag) => tag switch
    {
        { Decision: null } => "open",
        { Problem: { } problem } => $"{tag.Decision} by {tag.DecidedBy}, not done: {problem}",
        { DoneAt: null } => $"{tag.Decision} by {tag.DecidedBy}, under way",
        _ => $"{tag.Decision} by {tag.DecidedBy}, done",
    };
}
