using GeoDR.Configuration;
using GeoDR.EventLog;
using GeoDR.Inventory;
using GeoDR.Reconcile;
using GeoDR.Sites;
using Npgsql;

namespace GeoDR.Hosting;

/// <summary>The comparison of this site's role: registry with inventory, and on a secondary then fingerprints with the primary.</summary>
internal sealed class Reconciler(
    GeoSettings settings, NpgsqlDataSource source, OwnRegistry registry, InventoryStore inventory, Fingerprints fingerprints,
    IPrimaryInventory primary, TimeProvider time)
{
    private const int TagsAtOnce = 4;

    /// <param name="since">Repositories read after it are not read again.</param>
    /// <param name="act">False only lists.</param>
    /// <exception cref="Registry.RegistryException">This site's registry does not answer, or refuses.</exception>
    /// <exception cref="PeerUnavailableException">The primary cannot be compared with; this site's own registry was.</exception>
    public async Task<ReconcileReport> RunAsync(string role, DateTimeOffset since, bool act, Func<ReconcileReport, Task> onPage, CancellationToken cancel)
    {
        var pace = new Pace(settings.Reconcile.RequestsPerSecond, time);
        IReconcileSite site = role == Site.Primary
            ? new PrimarySite(source, inventory, fingerprints, new LogAppender(source), time)
            : new SecondarySite(source, inventory, fingerprints, settings.Selection);
        var own = await new RegistryReconcile(new RegistryReading(registry.Client, pace, TagsAtOnce), site, pace, settings.Reconcile.Settle, time)
            .RunAsync(since, act, onPage, cancel);
        if (role == Site.Primary)
            return own;
        await onPage(own);
        var compared = await new FingerprintReconcile(primary, new PeerFingerprints(source, settings.Selection), inventory, settings.Selection, time)
            .RunAsync(act, cancel);
        return own with { PeerRequests = compared.PeerRequests, Findings = [.. own.Findings, .. compared.Findings] };
    }
}

/// <summary>Runs what was asked for, and asks for a run when one is due.</summary>
internal sealed partial class ReconcileLoop(
    Reconciler reconciler, ReconcileRuns runs, Notices notices, SiteStore sites, GeoSettings settings, ILogger<ReconcileLoop> logger, TimeProvider time)
    : IntervalLoop(TimeSpan.FromSeconds(2), logger, time)
{
    private static readonly TimeSpan s_lease = TimeSpan.FromSeconds(60);
    private static readonly string s_node = $"{Environment.MachineName}/{Environment.ProcessId}";

    /// <summary>Another node took the run over.</summary>
    private sealed class TakenOverException() : Exception("another node goes on with the comparison");

    protected override string Name => "the reconcile";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        if (settings.Reconcile.Every > TimeSpan.Zero)
            await runs.WantEveryAsync(settings.Reconcile.Every, cancel);
        if (await sites.ReadAsync(cancel) is not { Paused: false } site)
            return false;
        if (site.IsPrimary && await notices.LookAsync(cancel) is { } reason)
            await runs.WantAsync(reason, cancel);
        if (await runs.TakeAsync(s_node, s_lease, cancel) is not { } run)
            return false;
        var last = new ReconcileReport(0, 0, 0, 0, 0, []);
        string? failure = null;
        try
        {
            last = await reconciler.RunAsync(site.Role, run.StartedAt!.Value, act: true, async report =>
            {
                last = report;
                if (!await runs.RenewAsync(run, s_node, s_lease, report, cancel))
                    throw new TakenOverException();
            }, cancel);
        }
        catch (TakenOverException)
        {
            return true;
        }
        catch (Exception e) when (!cancel.IsCancellationRequested && e is not NpgsqlException)
        {
            failure = e.Message;
            LogFailed(logger, run.Reason, e.Message);
        }
        await runs.EndAsync(run, s_node, last, failure, cancel);
        if (last.Findings.Count > 0)
            LogFound(logger, last.Findings.Count, last.Repositories, run.Reason);
        return true;
    }

    [LoggerMessage(150, LogLevel.Warning, "A comparison ({Reason}) could not be completed, it is tried again: {Message}")]
    private static partial void LogFailed(ILogger logger, string reason, string message);

    [LoggerMessage(151, LogLevel.Warning, "{Found} differences were found in {Repositories} repositories ({Reason}); `geodr reconcile --last` lists them")]
    private static partial void LogFound(ILogger logger, int found, long repositories, string reason);
}
