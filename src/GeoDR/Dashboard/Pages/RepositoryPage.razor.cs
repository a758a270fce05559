using GeoDR.Audit;
using GeoDR.Dashboard.Access;
using GeoDR.Dashboard.Live;
using GeoDR.Status;
using GeoDR.SyncState;
using GeoDR.Verification;
using Microsoft.AspNetCore.Components;
using Npgsql;

namespace GeoDR.Dashboard.Pages;

/// <summary>One repository: how it stands, and what each piece of work on it came to.</summary>
public sealed partial class RepositoryPage : LiveComponent
{
    private const int Shown = 50;
    private const int ShownEvents = 20;

    private RepositoryRow? _row;
    private IReadOnlyList<Attempt> _attempts = [];
    private IReadOnlyList<EventRow> _events = [];
    private bool _read;
    private bool _working;

    [Inject] private RepositoryList List { get; set; } = null!;

    [Inject] private AttemptList Attempts { get; set; } = null!;

    [Inject] private EventList Events { get; set; } = null!;

    [Inject] private Requests Requests { get; set; } = null!;

    [Inject] private Checks Checks { get; set; } = null!;

    [Inject] private AuditLog Audit { get; set; } = null!;

    [Inject] private Operations Operations { get; set; } = null!;

    [Parameter] public long Id { get; set; }

    private DateTimeOffset Now => Time.GetUtcNow();

    protected override async Task OnParametersSetAsync()
    {
        try
        {
            await ReadAsync();
        }
        catch (NpgsqlException)
        {
            // The header says that the database does not answer; the next reading of the status tries again.
        }
    }

    protected override Task OnLiveAsync(LiveSnapshot snapshot) => ReadAsync();

    private async Task ReadAsync()
    {
        _row = await List.GetAsync(Id, Closed);
        _attempts = _row is null ? [] : await Attempts.ListAsync(Id, Shown, Closed);
        _events = _row is null ? [] : await Events.NewestAsync(new(_row.Name, null, null), ShownEvents, Closed);
        _read = true;
    }

    private Task ResyncAsync(RepositoryRow row) => RunAsync(async name => await Requests.ResyncOneAsync(row.Name, name, Closed)
        ? $"{row.Name} is marked for a full sync." : $"{row.Name} is not tracked any more.");

    private Task PauseAsync(RepositoryRow row) => RunAsync(async name => await Requests.PauseOneAsync(row.Name, !row.Paused, name, Closed)
        ? row.Paused ? $"{row.Name} goes on." : $"{row.Name} is paused; what has begun is finished." : $"{row.Name} is not tracked any more.");

    private Task ReverifyAsync(RepositoryRow row, bool deep) => RunAsync(async name =>
    {
        if ((await Checks.AskAsync(row.Name, RowFilter.All, deep, Closed)).Marked == 0)
            return $"{row.Name} is not tracked any more.";
        await Audit.NoteAsync(name, SyncState.Requests.Reverify, row.Name, null, deep ? AuditWords.Deep : null, Closed);
        return $"{row.Name} is marked for a check{(deep ? " that reads every byte" : "")}.";
    });

    private async Task RunAsync(Func<string, Task<string>> act)
    {
        _working = true;
        await Operations.RunAsync(act, Closed);
        _working = false;
        await Operations.GuardAsync(ReadAsync);
    }
}
