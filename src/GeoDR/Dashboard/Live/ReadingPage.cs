using GeoDR.Dashboard.Access;
using Microsoft.AspNetCore.Components;
using Npgsql;

namespace GeoDR.Dashboard.Live;

/// <summary>A page of rows out of the site's database, read when it opens, with each reading of the status, and after what an operator did on it.</summary>
public abstract class ReadingPage : LiveComponent
{
    [Inject] protected Operations Operations { get; set; } = null!;

    protected DateTimeOffset Now => Time.GetUtcNow();

    /// <summary>Whether the rows were read at least once: before that, none says nothing.</summary>
    protected bool HasRead { get; private set; }

    /// <summary>While something that was asked for is done.</summary>
    protected bool Working { get; private protected set; }

    /// <summary>Reads the page's rows.</summary>
    protected abstract Task ReadRowsAsync();

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

    protected async Task ReadAsync()
    {
        await ReadRowsAsync();
        HasRead = true;
    }

    /// <summary>Does what was asked for, says how it went, and shows the rows as they are then.</summary>
    /// <param name="act">Gets the name of who acts and answers in words.</param>
    protected async Task RunAsync(Func<string, Task<string>> act)
    {
        Working = true;
        await Operations.RunAsync(act, Closed);
        Working = false;
        await Operations.GuardAsync(ReadAsync);
    }
}
