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

    private IReadOnlyList<RepositoryRow> _rows = [];
    private RepositoryFilter? _read;
    private object? _readWith;
    private DateTimeOffset _readAt;
    private long _total;
    private int _typed;
    private bool _loaded;
    private bool _working;

    [Inject] private RepositoryList List { get; set; } = null!;

    [Inject] private Requests Requests { get; set; } = null!;

    [Inject] private Actor Actor { get; set; } = null!;

    [Inject] private NavigationManager Navigation { get; set; } = null!;

    [Inject] private DialogService Dialogs { get; set; } = null!;

    [Inject] private NotificationService Notifications { get; set; } = null!;

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
        if (snapshot is { Status: { } status, Problem: null } && (!Moved(status).Equals(_readWith) || snapshot.At - _readAt > s_stale))
            await ReadAsync();
    }

    // While none of this changes, the page's rows are very likely the same.
    private static object Moved(SiteStatus status) => (status.Counts, status.Cursor?.EventId, status.ReferencesWaiting, status.BytesWaiting);

    private async Task ReadAsync()
    {
        var filter = Filter;
        var (with, at) = (Moved(LiveStatus.Latest?.Status ?? Site), Now);
        var total = await List.CountAsync(filter.State, filter.Search, Closed);
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

    private async Task SearchTyped(ChangeEventArgs change)
    {
        var turn = ++_typed;
        await Task.Delay(s_typing, Time, Closed);
        if (turn != _typed)
            return;
        var filter = RepositoryFilter.From(Filter.State is { } s ? RepositoryFilter.Word(s) : null, change.Value?.ToString(), 1);
        if (filter.Search != Filter.Search)
            Navigation.NavigateTo(filter.ToUrl(), replace: true);
    }

    private Task ResyncOneAsync(RepositoryRow row) => ActAsync(async _ => await Requests.ResyncOneAsync(row.Name, Closed)
        ? (NotificationSeverity.Success, $"{row.Name} is marked for a full sync.")
        : (NotificationSeverity.Warning, $"{row.Name} is not tracked any more."));

    private async Task ResyncShownAsync()
    {
        var filter = Filter;
        var rows = await List.CountAsync(filter.State, filter.Search, Closed);
        if (await AskAsync($"{Display.Number(rows, "repository", "repositories")} will be compared in full with the primary: {filter.InWords()}.", rows))
            await ActAsync(async name =>
            {
                await Requests.ResyncAsync(false, filter.State, filter.Search, name, Closed);
                return (NotificationSeverity.Success, "The resync is recorded. Its progress is at the top.");
            });
    }

    private async Task ResyncAllAsync()
    {
        var rows = await List.CountAsync(null, null, Closed);
        if (await AskAsync($"All {Display.Number(rows, "repository", "repositories")} will be compared in full with the primary, and its catalog is read again.", rows))
            await ActAsync(async name =>
            {
                await Requests.ResyncAsync(true, null, null, name, Closed);
                return (NotificationSeverity.Success, "The resync is recorded. Its progress is at the top.");
            });
    }

    private async Task<bool> AskAsync(string question, long rows) => await Dialogs.Confirm(
        question, "Resync", new() { OkButtonText = rows > 0 ? $"Resync {Display.Number(rows)}" : "Read the catalog", CancelButtonText = "Cancel" }) == true;

    private async Task ActAsync(Func<string, Task<(NotificationSeverity, string)>> act)
    {
        _working = true;
        try
        {
            if (await Actor.NameIfAsync(Roles.Operator, Closed) is not { } name)
            {
                Notifications.Notify(NotificationSeverity.Error, "Not allowed", "This needs the role operator. Sign in again if yours was changed.");
                return;
            }
            var (severity, message) = await act(name);
            Notifications.Notify(severity, message);
            await LiveStatus.RefreshAsync(Closed);
        }
        catch (NpgsqlException)
        {
            Notifications.Notify(NotificationSeverity.Error, "Not done", "The site's database does not answer.");
        }
        finally
        {
            _working = false;
        }
    }

    private static string Waiting(RepositoryRow row) => (row.MissingTags, row.WantsFull) switch
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

    private static BadgeStyle StateStyle(string state) => state switch
    {
        "synced" => BadgeStyle.Success,
        "started" => BadgeStyle.Info,
        "failed" => BadgeStyle.Danger,
        _ => BadgeStyle.Light,
    };
}
