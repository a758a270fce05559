using GeoDR.Configuration;
using GeoDR.Hosting;
using GeoDR.Sites;
using Npgsql;

namespace GeoDR.Failover;

/// <summary>Carries out promotions that were asked for by dashboard or API, and finishes those whose node was killed.</summary>
internal sealed partial class FailoverLoop(
    GeoSettings settings, NpgsqlDataSource source, FailoverRuns runs, IServiceProvider services, ILogger<FailoverLoop> logger, TimeProvider time)
    : IntervalLoop(TimeSpan.FromSeconds(1), logger, time)
{
    private static readonly string s_node = $"{Environment.MachineName}/{Environment.ProcessId}";

    protected override string Name => "promotions";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        if (services.GetService<FailoverPeers>() is not { } peers || await runs.TakeAsync(s_node, Promotion.Lease, cancel) is not { } run)
            return false;
        LogTaken(logger, run.Id, run.Step);
        using var promotion = new Promotion(settings, source, peers, step => LogStep(logger, step.Name, step.Outcome, step.Seconds), Time);
        var ended = await promotion.RunAsync(run, s_node, cancel);
        LogEnded(logger, run.Id, ended ?? "in other hands");
        return false;
    }

    [LoggerMessage(260, LogLevel.Warning, "The promotion {Promotion} is carried on here, with the step {Step}")]
    private static partial void LogTaken(ILogger logger, Guid promotion, string step);

    [LoggerMessage(261, LogLevel.Warning, "Promotion, {Step}: {Outcome} ({Seconds:0.0} s)")]
    private static partial void LogStep(ILogger logger, string step, string outcome, double seconds);

    [LoggerMessage(262, LogLevel.Warning, "The promotion {Promotion} is {Outcome}")]
    private static partial void LogEnded(ILogger logger, Guid promotion, string outcome);
}
