using Npgsql;

namespace GeoDR.Readiness;

/// <summary>Measures how long the host takes from its composition until it listens: that is what a change of role costs, besides the transaction.</summary>
internal sealed partial class StartMeter(NpgsqlDataSource source, IHostApplicationLifetime lifetime, long composed, ILogger<StartMeter> logger, TimeProvider time) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var started = new TaskCompletionSource();
        await using var _ = lifetime.ApplicationStarted.Register(started.SetResult);
        await started.Task.WaitAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (stoppingToken.IsCancellationRequested)
            return;
        try
        {
            await using var command = source.CreateCommand("update site set start_seconds = $1");
            command.Parameters.Add(new() { Value = time.GetElapsedTime(composed).TotalSeconds });
            await command.ExecuteNonQueryAsync(stoppingToken);
        }
        catch (NpgsqlException e)
        {
            LogNot(logger, e.Message);
        }
    }

    /// <summary>Of the last start of any node; null before one.</summary>
    public static async Task<double?> ReadAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select start_seconds from site");
        return await command.ExecuteScalarAsync(cancel) as double?;
    }

    [LoggerMessage(270, LogLevel.Information, "How long this start took was not written down: {Reason}")]
    private static partial void LogNot(ILogger logger, string reason);
}
