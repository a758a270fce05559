using System.Collections.Concurrent;
using GeoDR.Status;
using Npgsql;

namespace GeoDR.Dashboard.Live;

/// <summary>What the pages show: the newest status, and why it is not newer.</summary>
/// <param name="Status">Null before the site's first start, or while nothing could be read yet.</param>
/// <param name="Problem">Why the last reading failed.</param>
public sealed record LiveSnapshot(SiteStatus? Status, string? Problem, DateTimeOffset At)
{
    private readonly ConcurrentDictionary<object, Lazy<Task>> _readings = new();

    /// <summary>What belongs to this status, read once for all pages that show it.</summary>
    /// <param name="key">What is read, with every argument that decides what comes back.</param>
    /// <param name="cancel">Ends the waiting; the reading is others' too.</param>
    public Task<T> OnceAsync<T>(object key, Func<CancellationToken, Task<T>> read, CancellationToken cancel) =>
        ((Task<T>)_readings.GetOrAdd(key, _ => new(() => read(CancellationToken.None))).Value).WaitAsync(cancel);
}

/// <summary>One reader for the whole process, however many pages are open; it rests while nobody watches.</summary>
public sealed partial class LiveStatus(StatusReader reader, TimeProvider time, ILogger<LiveStatus> log) : BackgroundService
{
    private static readonly TimeSpan s_pace = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly Lock _lock = new();
    private Action<LiveSnapshot>[] _watchers = [];
    private LiveSnapshot? _latest;

    /// <summary>The last reading, however old.</summary>
    public LiveSnapshot? Latest => _latest;

    /// <summary>Calls <paramref name="watcher"/> about once a second, from any thread, until the answer is disposed.</summary>
    public IDisposable Subscribe(Action<LiveSnapshot> watcher)
    {
        lock (_lock)
            _watchers = [.. _watchers, watcher];
        return new Subscription(this, watcher);
    }

    /// <summary>The newest reading, or a new one where that is old.</summary>
    public async Task<LiveSnapshot> CurrentAsync(CancellationToken cancel) =>
        _latest is { } latest && time.GetUtcNow() - latest.At < 2 * s_pace ? latest : await ReadAsync(cancel);

    /// <summary>Reads what belongs to the newest status once for all pages; see <see cref="LiveSnapshot.OnceAsync"/>.</summary>
    public async Task<T> OnceAsync<T>(object key, Func<CancellationToken, Task<T>> read, CancellationToken cancel) =>
        await (await CurrentAsync(cancel)).OnceAsync(key, read, cancel);

    /// <summary>Reads now and tells everybody: what was just done is seen at once.</summary>
    public async Task RefreshAsync(CancellationToken cancel) => Publish(await ReadAsync(cancel));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(s_pace, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            if (_watchers.Length > 0)
                await RefreshAsync(stoppingToken);
    }

    private async Task<LiveSnapshot> ReadAsync(CancellationToken cancel)
    {
        await _one.WaitAsync(cancel);
        try
        {
            var latest = new LiveSnapshot(await reader.ReadAsync(cancel), null, time.GetUtcNow());
            if (_latest?.Problem is not null)
                LogReadAgain();
            return _latest = latest;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            if (_latest?.Problem is null)
                LogUnread(e);
            return _latest = new LiveSnapshot(_latest?.Status, "The site's database does not answer. What is shown is old.", time.GetUtcNow());
        }
        finally
        {
            _one.Release();
        }
    }

    private void Publish(LiveSnapshot snapshot)
    {
        foreach (var watcher in _watchers)
            watcher(snapshot);
    }

    public override void Dispose()
    {
        _one.Dispose();
        base.Dispose();
    }

    [LoggerMessage(4011, LogLevel.Warning, "The status could not be read; the dashboard shows the last one")]
    private partial void LogUnread(Exception exception);

    [LoggerMessage(4012, LogLevel.Information, "The status is read again")]
    private partial void LogReadAgain();

    private sealed class Subscription(LiveStatus status, Action<LiveSnapshot> watcher) : IDisposable
    {
        public void Dispose()
        {
            lock (status._lock)
                status._watchers = [.. status._watchers.Where(w => w != watcher)];
        }
    }
}
