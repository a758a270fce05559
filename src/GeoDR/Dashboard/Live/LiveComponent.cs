using Microsoft.AspNetCore.Components;
using Npgsql;

namespace GeoDR.Dashboard.Live;

/// <summary>A component that renders anew with each reading of the status. A reading that comes while the last one is still worked on is left out.</summary>
public abstract class LiveComponent : ComponentBase, IDisposable
{
    private readonly CancellationTokenSource _closed = new();
    private IDisposable? _subscription;
    private bool _busy;
    private bool _disposed;

    [Inject] protected LiveStatus LiveStatus { get; set; } = null!;

    [Inject] protected TimeProvider Time { get; set; } = null!;

    /// <summary>Null only before the first reading.</summary>
    protected LiveSnapshot? Live { get; private set; }

    /// <summary>Whether a click arrives: the page is drawn before its connection stands, and a button that does nothing must not look ready.</summary>
    protected bool Connected => RendererInfo.IsInteractive;

    /// <summary>Ends with the page.</summary>
    protected CancellationToken Closed => _closed.Token;

    protected override async Task OnInitializedAsync()
    {
        Live = await LiveStatus.CurrentAsync(Closed);
        if (!_disposed)
            _subscription = LiveStatus.Subscribe(snapshot => _ = InvokeAsync(() => TakeAsync(snapshot)));
    }

    /// <summary>Reads what else the component shows, before it renders.</summary>
    protected virtual Task OnLiveAsync(LiveSnapshot snapshot) => Task.CompletedTask;

    /// <summary>Reads once for all pages that show the same; see <see cref="LiveSnapshot.OnceAsync"/>.</summary>
    protected Task<T> OnceAsync<T>(object key, Func<CancellationToken, Task<T>> read) => LiveStatus.OnceAsync(key, read, Closed);

    private async Task TakeAsync(LiveSnapshot snapshot)
    {
        if (_busy || _disposed)
            return;
        _busy = true;
        Live = snapshot;
        try
        {
            await OnLiveAsync(snapshot);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or OperationCanceledException)
        {
            // The header says that the database does not answer; the next reading tries again.
        }
        catch (Exception e)
        {
            await DispatchExceptionAsync(e);
        }
        finally
        {
            _busy = false;
        }
        if (!_disposed)
            StateHasChanged();
    }

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (!disposing || _disposed)
            return;
        _disposed = true;
        _subscription?.Dispose();
        _closed.Cancel();
        _closed.Dispose();
    }
}
