using GeoDR.Dashboard.Access;
using GeoDR.Dashboard.Live;
using GeoDR.Sites;
using GeoDR.Status;
using GeoDR.SyncState;
using Microsoft.AspNetCore.Components;
using Npgsql;
using Radzen;

namespace GeoDR.Dashboard.Pages;

/// <summary>The repositories of a secondary: found by state and name, followed as they change, marked for resync.</summary>
public sealed partial class Repositories : LiveComponent
{
    private static readonly TimeSpan s_typing = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan s_stale = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_moving = TimeSpan.FromSeconds(2);

    private IReadOnlyList<RepositoryRow> _rows = [];
    private RepositoryFilter? _read;
    private object? _readWith;
    private DateTimeOffset _readAt;
    private long _total;
    private int _typed;
    private string? _text;
    private string? _searched;
    private bool _loaded;
    private bool _working;

    [Inject] private RepositoryList List { get; set; } = null!;

    [Inject] private Requests Requests { get; set; } = null!;

    [Inject] private Operations Operations { get; set; } = null!;

    [Inject] private NavigationManager Navigation { get; set; } = null!;

    [Inject] private DialogService Dialogs { get; set; } = null!;

    [Parameter, EditorRequired] public RepositoryFilter Filter { get; set; } = null!;

    [Parameter, EditorRequired] public SiteStatus Site { get; set; } = null!;

    private DateTimeOffset Now => Time.GetUtcNow();

    private (RepositoryState State, long Count)[] ByState =>
    [
        (RepositoryState.Pending, Site.Counts.Pending), (RepositoryState.Started, Site.Counts.Started),
        (RepositoryState.Synced, Site.Counts.Synced), (RepositoryState.Failed, Site.Counts.Failed),
    ];

    protected override async Task OnParametersSetAsync()
    {
        // What a person is typing wins over the address it leads to; an address from elsewhere wins over the box.
        if (Filter.Search != _searched)
            _text = _searched = Filter.Search;
        if (Filter == _read)
            return;
        try
        {
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
        // Of a state alone the status has counted already, once for all who look.
        var total = filter.Search is null ? CountOf(filter.State) : await List.CountAsync(filter.State, filter.Search, Closed);
        if (filter.Page > RepositoryFilter.LastPage(total))
        {
            Navigation.NavigateTo((filter with { Page = RepositoryFilter.LastPage(total) }).ToUrl(), replace: true);
            return;
        }
        var rows = await List.ListAsync(filter.State, filter.Search, null, filter.Skip, RepositoryFilter.PageSize, Closed);
        // Another filter was chosen meanwhile, and its own reading shows its rows.
        if (filter != Filter)
            return;
        (_rows, _total, _read, _readWith, _readAt, _loaded) = (rows, total, filter, with, at, true);
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
        var search = RepositoryFilter.From(null, _text, 1).Search;
        if (turn != _typed || search == Filter.Search)
            return;
        _searched = search;
        Navigation.NavigateTo((Filter with { Search = search, Page = 1 }).ToUrl(), replace: true);
    }

    private Task ResyncOneAsync(RepositoryRow row) => RunAsync(async name => await Requests.ResyncOneAsync(row.Name, name, Closed)
        ? $"{row.Name} is marked for a full sync." : $"{row.Name} is not tracked any more.");

    private Task ResyncShownAsync() =>
        ResyncManyAsync(false, Filter, rows => $"{rows} will be compared in full with the primary: {Filter.InWords()}.");

    private Task ResyncAllAsync() => ResyncManyAsync(
        true, new(null, null, 1), rows => $"All {rows} will be compared in full with the primary, and its catalog is read again.");

    private Task ResyncManyAsync(bool all, RepositoryFilter filter, Func<string, string> question) => Operations.GuardAsync(async () =>
    {
        var rows = await List.CountAsync(filter.State, filter.Search, Closed);
        var asked = await Dialogs.Confirm(question(Display.Number(rows, "repository", "repositories")), "Resync",
            new() { OkButtonText = rows > 0 ? $"Resync {Display.Number(rows)}" : "Read the catalog", CancelButtonText = "Cancel" });
        if (asked == true)
            await RunAsync(async name =>
            {
                await Requests.ResyncAsync(all, filter.State, filter.Search, name, Closed);
                return "The resync is recorded. Its progress is at the top.";
            });
    });

    private async Task RunAsync(Func<string, Task<string>> act)
    {
        _working = true;
        await Operations.RunAsync(act, Closed);
        _working = false;
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
