using GeoDR.Configuration;
using GeoDR.Reconcile;
using GeoDR.Sites;
using Npgsql;

namespace GeoDR.Hosting;

/// <summary>Runs the comparisons that were asked for, under a lease; one node at a time. The schedule, a notice or an operator asks.</summary>
internal sealed partial class ReconcileLoop(
    Reconciler reconciler, ReconcileRuns runs, Notices notices, SiteStore sites, GeoSettings settings, ILogger<ReconcileLoop> logger, TimeProvider time)
    : IntervalLoop(TimeSpan.FromSeconds(2), logger, time)
{
    private static readonly string s_node = $"{Environment.MachineName}/{Environment.ProcessId}";

    protected override string Name => "the reconcile";

    private TimeSpan Lease => settings.Sync.Lease;

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        // What a fenced primary finds belongs into no log; it is compared when it follows another, or is confirmed again.
        if (await sites.ReadAsync(cancel) is not { Paused: false, IsFenced: false } site)
            return false;
        if (site.IsPrimary && (await notices.LookAsync(cancel) ?? await notices.BesideTheLogAsync(cancel)) is { } reason)
            await runs.WantAsync(reason, cancel);
        if (await runs.TakeAsync(s_node, Lease, cancel) is not { } run)
            return false;
        await RunAsync(run, site.Role, cancel);
        return true;
    }

    private async Task RunAsync(ReconcileRun run, string role, CancellationToken cancel)
    {
        using var lost = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var last = new ReconcileReport(0, 0, 0, 0, 0, []);
        var keeper = KeepAsync(run, () => last, lost);
        string? failure = null;
        try
        {
            last = await reconciler.RunAsync(role, run.StartedAt!.Value, act: true, report =>
            {
                last = report;
                return Task.CompletedTask;
            }, lost.Token, unpaced: run.Reason.StartsWith(Failover.Handover.ReasonPrefix, StringComparison.Ordinal));
        }
        catch (OperationCanceledException) when (lost.IsCancellationRequested)
        {
            if (cancel.IsCancellationRequested)
                await runs.ReleaseAsync(run, s_node, CancellationToken.None);
            return;
        }
        catch (Exception e) when (e is not NpgsqlException)
        {
            failure = e.Message;
            LogFailed(logger, run.Reason, e.Message);
        }
        finally
        {
            await lost.CancelAsync();
            await keeper;
        }
        await runs.EndAsync(run, s_node, last, failure, cancel);
        if (last.Findings.Count > 0)
            LogFound(logger, last.Findings.Count, last.Repositories, run.Reason);
    }

    /// <summary>Renews the lease on a timer, since one page of wide repositories can take longer than it lasts; stops the run when it is lost.</summary>
    private async Task KeepAsync(ReconcileRun run, Func<ReconcileReport> far, CancellationTokenSource lost)
    {
        var renewed = Time.GetTimestamp();
        while (!lost.IsCancellationRequested)
        {
            await Task.Delay(Lease / 3, Time, lost.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (lost.IsCancellationRequested)
                return;
            try
            {
                var asked = Time.GetTimestamp();
                if (!await runs.RenewAsync(run, s_node, Lease, far(), lost.Token))
                {
                    LogTakenOver(logger, run.Reason);
                    await lost.CancelAsync();
                    return;
                }
                renewed = asked;
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException or OperationCanceledException)
            {
                // The database's hiccup: the lease says how long it may last.
                if (!lost.IsCancellationRequested && Time.GetElapsedTime(renewed) > Lease)
                    await lost.CancelAsync();
            }
        }
    }

    [LoggerMessage(150, LogLevel.Warning, "A comparison ({Reason}) could not be completed: {Message}")]
    private static partial void LogFailed(ILogger logger, string reason, string message);

    [LoggerMessage(151, LogLevel.Warning, "{Found} differences were found in {Repositories} repositories ({Reason}); `geodr reconcile --last` lists them")]
    private static partial void LogFound(ILogger logger, int found, long repositories, string reason);

    [LoggerMessage(152, LogLevel.Warning, "Another node goes on with a comparison ({Reason}): this one was silent for too long")]
    private static partial void LogTakenOver(ILogger logger, string reason);
}
