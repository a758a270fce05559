namespace GeoDR.Hosting;

/// <summary>
/// Runs one kind of pass for ever: at once while there is work, then after its rest. A pass that throws is tried again,
/// later each time up to 5 s; the log is told at the first failure, then at every tenth, and when it works again.
/// </summary>
internal abstract partial class PassLoop(ILogger logger, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan s_longest = TimeSpan.FromSeconds(5);

    /// <summary>As the log calls it.</summary>
    protected abstract string Name { get; }

    protected TimeProvider Time => time;

    /// <summary>One pass; true when there may be more to do at once.</summary>
    protected abstract Task<bool> RunOnceAsync(CancellationToken cancel);

    /// <summary>Waits until the next pass may have something to do.</summary>
    protected abstract Task RestAsync(CancellationToken cancel);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // The host starts its services one after another; none may hold the next.
        await Task.Yield();
        var failures = 0;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var more = await RunOnceAsync(stoppingToken);
                if (failures > 0)
                    LogWorksAgain(logger, Name, failures);
                failures = 0;
                if (!more)
                    await RestAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                if (failures++ % 10 == 0)
                    LogFailed(logger, Name, failures, e.Message);
                await PauseAsync(failures, stoppingToken);
            }
        }
    }

    private async Task PauseAsync(int failures, CancellationToken cancel)
    {
        var pause = TimeSpan.FromMilliseconds(Math.Min(100 * Math.Pow(2, Math.Min(failures, 10)), s_longest.TotalMilliseconds));
        await Task.Delay(pause, time, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    [LoggerMessage(100, LogLevel.Warning, "{Pass} failed, time {Failures} in a row: {Reason}")]
    private static partial void LogFailed(ILogger logger, string pass, int failures, string reason);

    [LoggerMessage(101, LogLevel.Information, "{Pass} works again after {Failures} failures")]
    private static partial void LogWorksAgain(ILogger logger, string pass, int failures);
}

/// <summary>A pass at a fixed interval.</summary>
internal abstract class IntervalLoop(TimeSpan interval, ILogger logger, TimeProvider time) : PassLoop(logger, time)
{
    protected override Task RestAsync(CancellationToken cancel) => Task.Delay(interval, Time, cancel);
}
