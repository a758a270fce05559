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
    /// <param name="unpaced">As fast as the registry answers: nobody else works with it.</param>
    /// <exception cref="Registry.RegistryException">This site's registry does not answer, or refuses.</exception>
    /// <exception cref="PeerUnavailableException">The primary cannot be compared with; this site's own registry was.</exception>
    public async Task<ReconcileReport> RunAsync(string role, DateTimeOffset since, bool act, Func<ReconcileReport, Task> onPage, CancellationToken cancel, bool unpaced = false)
    {
        var pace = new Pace(unpaced ? 0 : settings.Reconcile.RequestsPerSecond, time);
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
