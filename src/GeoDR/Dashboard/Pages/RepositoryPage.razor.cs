using GeoDR.Dashboard.Live;
using GeoDR.Status;
using Microsoft.AspNetCore.Components;
using Npgsql;

namespace GeoDR.Dashboard.Pages;

/// <summary>One repository: how it stands, and what each piece of work on it came to.</summary>
public sealed partial class RepositoryPage : LiveComponent
{
    private const int Shown = 50;

    private RepositoryRow? _row;
    private IReadOnlyList<Attempt> _attempts = [];
    private bool _read;

    [Inject] private RepositoryList List { get; set; } = null!;

    [Inject] private AttemptList Attempts { get; set; } = null!;

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
        _read = true;
    }
}
