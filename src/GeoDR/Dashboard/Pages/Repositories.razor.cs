using GeoDR.Audit;
using GeoDR.Dashboard.Access;
using GeoDR.Dashboard.Live;
using GeoDR.Sites;
using GeoDR.Status;
using GeoDR.SyncState;
using GeoDR.Verification;
using Microsoft.AspNetCore.Components;
using Npgsql;
using Radzen;

namespace GeoDR.Dashboard.Pages;

/// <summary>The repositories of a secondary: found by filters and put in order, followed as they change, marked for resync and checks.</summary>
public sealed partial class Repositories : LiveComponent
{
    // Further than that nobody needs to know how many match.
    private const long MostCounted = 1_000;

    private static readonly TimeSpan s_typing = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan s_stale = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_moving = TimeSpan.FromSeconds(2);

    private static readonly (RepositoryOrder Order, string Words)[] s_orders =
    [
        (RepositoryOrder.ByName, "by name"), (new(RepositorySort.Name, true), "by name, from the end"),
        (new(RepositorySort.LastSynced, true), "synced last first"), (new(RepositorySort.LastSynced, false), "synced longest ago first"),
        (new(RepositorySort.Waiting, false), "waiting longest first"), (new(RepositorySort.Waiting, true), "waiting shortest first"),
        (new(RepositorySort.NextTry, false), "tried next first"), (new(RepositorySort.NextTry, true), "tried latest first"),
    ];

    private readonly HashSet<string> _selected = new(StringComparer.Ordinal);
    private IReadOnlyList<RepositoryRow> _rows = [];
    private IReadOnlyList<string> _causes = [];
    private RepositoryCursor? _previous;
    private RepositoryCursor? _next;
    private readonly List<RepositoryFilter> _chosen = [];
    private RepositoryFilter? _seen;
    private RepositoryFilter? _read;
    private object? _readWith;
    private DateTimeOffset _readAt;
    private long _total;
    private int _typed;
    private string? _text;
    private string? _searched;
    private bool _loaded;
    private bool _working;
    private bool _operator;

    [Inject] private Actor Actor { get; set; } = null!;

    [Inject] private RepositoryList List { get; set; } = null!;

    [Inject] private Requests Requests { get; set; } = null!;

    [Inject] private Checks Checks { get; set; } = null!;

    [Inject] private AuditLog Audit { get; set; } = null!;

    [Inject] private Operations Operations { get; set; } = null!;

    [Inject] private NavigationManager Navigation { get; set; } = null!;

    [Inject] private DialogService Dialogs { get; set; } = null!;

    [Parameter, EditorRequired] public RepositoryFilter Filter { get; set; } = null!;

    [Parameter, EditorRequired] public SiteStatus Site { get; set; } = null!;

    private RowFilter Rows => Filter.Rows;

    // What was chosen last, also where it is still on its way into the address: whoever chooses twice means both.
    private RepositoryFilter Chosen => _chosen.Count > 0 ? _chosen[^1] : Filter;

    private bool Idle => _working || !Connected;

    private string Shown => Rows.IsEmpty ? "all" : $"shown ({Counted})";

    private string Counted => Display.Number(Math.Min(_total, CountsAll ? _total : MostCounted)) + (!CountsAll && _total > MostCounted ? "+" : "");

    private string Total => !CountsAll && _total > MostCounted ? $"more than {Display.Number(MostCounted)} repositories" : Display.Number(_total, "repository", "repositories");

    // Of a state alone the status has counted already, once for all who look.
    private bool CountsAll => Rows == new RowFilter(Rows.State);

    private DateTimeOffset Now => Time.GetUtcNow();

    private (RepositoryState State, long Count)[] ByState =>
    [
        (RepositoryState.Pending, Site.Counts.Pending), (RepositoryState.Started, Site.Counts.Started),
        (RepositoryState.Synced, Site.Counts.Synced), (RepositoryState.Failed, Site.Counts.Failed),
    ];

    protected override async Task OnParametersSetAsync()
    {
        // An address that nobody here chose, from a link or from going back, counts alone.
        if (Filter != _seen)
            _chosen.RemoveRange(0, _chosen.IndexOf(Filter) is var at and >= 0 ? at + 1 : _chosen.Count);
        _seen = Filter;
        // What a person is typing wins over the address it leads to; an address from elsewhere wins over the box.
        if (Rows.Search != _searched)
            _text = _searched = Rows.Search;
        if (Filter == _read)
            return;
        // What is not seen any more is not meant any more.
        _selected.Clear();
        try
        {
            _operator = await Actor.MayAsync(Roles.Operator);
            await ReadAsync();
        }
        catch (NpgsqlException)
        {
            // The header says that the database does not answer; the next reading of the status tries again.
        }
    }

    protected override async Task OnLiveAsync(LiveSnapshot snapshot)
    {
        if (snapshot is { Status: { } status, Problem: null }
            && (Filter != _read || !Moved(status).Equals(_readWith) || snapshot.At - _readAt > (status.Counts.Started > 0 ? s_moving : s_stale)))
            await ReadAsync();
    }

    // While none of this changes, the page's rows are very likely the same.
    private static object Moved(SiteStatus status) => (status.Counts, status.Cursor?.EventId, status.ReferencesWaiting, status.BytesWaiting);

    private async Task ReadAsync()
    {
        var filter = Filter;
        var (with, at) = (Moved(LiveStatus.Latest?.Status ?? Site), Now);
        var slice = await OnceAsync(("repositories", filter), cancel => List.ListAsync(filter.Rows, filter.Order, filter.From, filter.Backwards, RepositoryFilter.PageSize, cancel));
        if (slice.Rows.Count == 0 && filter.From is not null)
        {
            Navigation.NavigateTo((filter with { From = null, Backwards = false }).ToUrl(), replace: true);
            return;
        }
        var total = CountsAll ? CountOf(filter.Rows.State) : await OnceAsync(("matching", filter.Rows), cancel => List.CountAsync(filter.Rows, MostCounted + 1, cancel));
        var causes = await OnceAsync("causes", List.CausesAsync);
        // Another filter was chosen meanwhile, and its own reading shows its rows.
        if (filter != Filter)
            return;
        (_rows, _previous, _next, _total, _causes) = (slice.Rows, slice.Previous, slice.Next, total, causes);
        (_read, _readWith, _readAt, _loaded) = (filter, with, at, true);
        _selected.IntersectWith(_rows.Select(r => r.Name));
    }

    private long CountOf(RepositoryState? state)
    {
        var counts = (LiveStatus.Latest?.Status ?? Site).Counts;
        return state switch
        {
            null => counts.Total,
            RepositoryState.Pending => counts.Pending,
            RepositoryState.Started => counts.Started,
            RepositoryState.Synced => counts.Synced,
            _ => counts.Failed,
        };
    }

    private async Task SearchTyped()
    {
        var turn = ++_typed;
        await Task.Delay(s_typing, Time, Closed);
        var search = RepositoryFilter.Text(_text);
        if (turn != _typed || search == Chosen.Rows.Search)
            return;
        _searched = search;
        Go(Chosen.Of(Chosen.Rows with { Search = search }), replace: true);
    }

    private void ChooseVerification(ChangeEventArgs chosen)
    {
        _ = StateWord.TryParse<VerificationState>(chosen.Value as string, out var check);
        Go(Chosen.Of(Chosen.Rows with { Verification = check }));
    }

    private void ChooseCause(ChangeEventArgs chosen) =>
        Go(Chosen.Of(Chosen.Rows with { Cause = RepositoryFilter.Text(chosen.Value as string) }));

    private void ChooseOrder(ChangeEventArgs chosen) =>
        Go(Chosen.In(RepositoryOrder.Parse(chosen.Value as string) ?? RepositoryOrder.ByName));

    private void Go(RepositoryFilter filter, bool replace = false)
    {
        if (filter == Chosen)
            return;
        _chosen.Add(filter);
        Navigation.NavigateTo(filter.ToUrl(), replace: replace);
    }

    private void Select(RepositoryRow row, bool selected) => _ = selected ? _selected.Add(row.Name) : _selected.Remove(row.Name);

    private void SelectPage(ChangeEventArgs all)
    {
        foreach (var row in _rows)
            Select(row, all.Value is true);
    }

    private Task ResyncAsync(IReadOnlyList<string> names) =>
        EachAsync(names, (name, who) => Requests.ResyncOneAsync(name, who, Closed), "marked for a full sync.");

    private Task ReverifyAsync(IReadOnlyList<string> names) =>
        EachAsync(names, async (name, who) =>
        {
            if ((await Checks.AskAsync(name, RowFilter.All, deep: false, Closed)).Marked == 0)
                return false;
            await Audit.NoteAsync(who, Requests.Reverify, name, null, null, Closed);
            return true;
        }, "marked for a check.");

    private Task PauseAsync(IReadOnlyList<string> names, bool pause) => EachAsync(
        names, (name, who) => Requests.PauseOneAsync(name, pause, who, Closed), pause ? "paused; what has begun is finished." : "not held any more.");

    private Task EachAsync(IReadOnlyList<string> names, Func<string, string, Task<bool>> act, string what) => RunAsync(async who =>
    {
        var done = 0;
        foreach (var name in names)
            done += await act(name, who) ? 1 : 0;
        return (names.Count, done) switch
        {
            (1, 0) => $"{names[0]} is not tracked any more.",
            (1, _) => $"{names[0]} is {what}",
            _ => $"{Display.Number(done, "repository is", "repositories are")} {what}",
        };
    });

    private Task ResyncManyAsync(RowFilter rows) => ManyAsync("Resync", rows, BulkWords.Resync, async who =>
    {
        await Requests.ResyncAsync(rows, who, Closed);
        return "The resync is recorded. Its progress is at the top.";
    });

    private Task ReverifyManyAsync(RowFilter rows) => ManyAsync("Reverify", rows, BulkWords.Reverify, async who =>
    {
        await Requests.ReverifyAsync(rows, deep: false, who, Closed);
        return "The checks are recorded. Their progress is at the top.";
    });

    private Task ManyAsync(string verb, RowFilter rows, Func<RowFilter, RepositoryTotals, string> question, Func<string, Task<string>> act) => Operations.GuardAsync(async () =>
    {
        var totals = await List.TotalsAsync(rows, Closed);
        var asked = await Dialogs.Confirm(question(rows, totals), verb,
            new() { OkButtonText = totals.Rows > 0 || !rows.IsEmpty ? $"{verb} {Display.Number(totals.Rows)}" : "Read the catalog", CancelButtonText = "Cancel" });
        if (asked == true)
            await RunAsync(act);
    });

    private async Task RunAsync(Func<string, Task<string>> act)
    {
        _working = true;
        await Operations.RunAsync(act, Closed);
        _working = false;
        await Operations.GuardAsync(ReadAsync);
    }

    internal static string Waiting(RepositoryRow row) => (row.MissingTags, row.WantsFull) switch
    {
        (0, false) => "–",
        (0, true) => "full sync",
        (var tags, false) => Display.Number(tags, "tag", "tags"),
        (var tags, true) => $"{Display.Number(tags, "tag", "tags")}, full sync",
    };

    private string NextTry(RepositoryRow row) => row switch
    {
        { State: "failed", RetryAt: null } => "when asked",
        { RetryAt: { } at } when at <= Now => "now",
        { RetryAt: { } at } => Display.Relative(at, Now),
        _ => "–",
    };

    internal static BadgeStyle StateStyle(string state) => state switch
    {
        "synced" => BadgeStyle.Success,
        "started" => BadgeStyle.Info,
        "failed" => BadgeStyle.Danger,
        _ => BadgeStyle.Light,
    };
}
