using GeoDR.EventLog;
using GeoDR.Postgres;
using Npgsql;

namespace GeoDR.Hosting;

/// <summary>The log in this site's own database.</summary>
internal sealed record OwnLog(LogReader Reader);

/// <summary>
/// Tells everybody in this process who waits for the log that there may be more, by one LISTEN connection for all of them. It listens
/// whether or not somebody waits: a session that does not read what it LISTENs to would hold PostgreSQL's queue of notifications.
/// </summary>
internal sealed class LogNews(NpgsqlDataSource source, ILogger<LogNews> logger, TimeProvider time) : PassLoop(logger, time)
{
    // Without a word, so often somebody looks: notifications are hints.
    private static readonly TimeSpan s_truth = TimeSpan.FromSeconds(1);

    private readonly WakeUp _wakeUp = new(source, LogAppender.Channel, time);
    private TaskCompletionSource _next = New();

    protected override string Name => "the news of the log";

    /// <summary>Ends at the next word, or within about a second.</summary>
    public Task Next => Volatile.Read(ref _next).Task;

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        await _wakeUp.PrepareAsync(cancel);
        return false;
    }

    protected override async Task RestAsync(CancellationToken cancel)
    {
        await _wakeUp.WaitAsync(s_truth, cancel);
        Interlocked.Exchange(ref _next, New()).SetResult();
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await _wakeUp.DisposeAsync();
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
