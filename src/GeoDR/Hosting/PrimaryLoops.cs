using GeoDR.EventLog;
using GeoDR.Inventory;

namespace GeoDR.Hosting;

/// <summary>Says every two seconds, in the log itself, that this primary is alive.</summary>
internal sealed class BeatLoop(LogAppender log, ILogger<BeatLoop> logger, TimeProvider time) : IntervalLoop(TimeSpan.FromSeconds(2), logger, time)
{
    protected override string Name => "the log's beat";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        await log.EnsureLogAsync(cancel);
        return false;
    }
}

/// <summary>Writes what the intake has gathered.</summary>
internal sealed partial class AppendLoop(AppendQueue queue, ILogger<AppendLoop> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await queue.RunAsync(e => LogNotWritten(logger, e.Message), stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    [LoggerMessage(110, LogLevel.Warning, "The event log could not be written; the registry was told to send again: {Reason}")]
    private static partial void LogNotWritten(ILogger logger, string reason);
}

/// <summary>Keeps the primary's inventory in step with its log.</summary>
internal sealed class InventoryLoop(InventoryFold fold, ILogger<InventoryLoop> logger, TimeProvider time) : IntervalLoop(TimeSpan.FromSeconds(1), logger, time)
{
    protected override string Name => "the inventory";

    protected override Task<bool> RunOnceAsync(CancellationToken cancel) => fold.RunOnceAsync(cancel);
}
