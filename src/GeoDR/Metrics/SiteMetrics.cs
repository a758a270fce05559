using System.Globalization;
using GeoDR.Alerts;
using GeoDR.Deletion;
using GeoDR.Sites;
using GeoDR.Status;

namespace GeoDR.Metrics;

/// <summary>A site's status as metrics. Names of repositories are in no label: there are too many, and not everybody may see them.</summary>
public static class SiteMetrics
{
    private static readonly string[] s_health = ["healthy", "degraded", "unhealthy", "paused", "unknown"];

    public static void Write(MetricsText text, SiteStatus site, MetricsFacts facts, IReadOnlyList<string> deliveryTargets)
    {
        text.Family("geodr_site_info", "gauge", "This site.", [(MetricsText.Labels(("site", site.Name), ("role", site.Role)), 1)])
            .Gauge("geodr_health", "1 for the site's health.", "health", s_health.Select(h => (h, site.Health == h ? 1d : 0)))
            .Gauge("geodr_paused", "1 while an operator holds the sync.", site.Paused ? 1 : 0)
            .Gauge("geodr_quarantined_notifications", "Notifications that could not be understood.", facts.Quarantined)
            .Gauge("geodr_divergent_writes", "Pushes to this site where nobody should push.", site.DivergentWrites)
            .Gauge("geodr_peer_silent_seconds", "Since another site was heard.", "peer", site.Peers.Select(p => (p.Name, Math.Max(0, (site.At - p.LastHeardAt).TotalSeconds))))
            .Gauge("geodr_alerts", "Alerts that are raised and not over.", "kind",
                AlertKinds.All.Select(k => (k, facts.Alerts.FirstOrDefault(a => a.Value == k).Sample)))
            .Gauge("geodr_alert_deliveries_failing", "Messages that were tried and did not arrive yet.", "target",
                deliveryTargets.Select(t => (t, facts.Deliveries.FirstOrDefault(d => d.Value == t).Sample)));
        if (site.Reconcile is { } compared)
            text.Gauge("geodr_repositories_known", "Repositories with at least one tag known.", compared.Repositories)
                .Gauge("geodr_repositories_read_in_a_day", "Of them, read whole from this site's registry within a day.", compared.ReadInADay)
                .Gauge("geodr_reconcile_last_found", "Differences that the last comparison found so far.", compared.Last?.Found)
                .Gauge("geodr_reconcile_last_failed", "1 where the last comparison failed.", compared.Last is { } last ? last.Status == "failed" ? 1 : 0 : null);
        if (site.Log is { } log)
            text.Gauge("geodr_log_head", "Id of the newest event.", log.Head)
                .Gauge("geodr_log_events", "Events in the log, by the span of their ids.", facts.LogIds)
                .Gauge("geodr_log_last_event_seconds", "Since the newest event.", log.LastEventSecondsAgo)
                .Gauge("geodr_log_beat_seconds", "Since this primary last said that it is alive.", log.BeatSecondsAgo);
        if (site.Role != Site.Primary)
            Secondary(text, site, facts);
    }

    private static void Secondary(MetricsText text, SiteStatus site, MetricsFacts facts)
    {
        text.Gauge("geodr_repositories", "Repositories by state.", "state",
                [("pending", site.Counts.Pending), ("started", site.Counts.Started), ("synced", site.Counts.Synced), ("failed", site.Counts.Failed)])
            .Gauge("geodr_failures", "Tags, digests and repositories that failed, by cause.", "cause", facts.Failures)
            .Gauge("geodr_waiting_references", "Tags and digests that wait.", site.ReferencesWaiting)
            .Gauge("geodr_workers", "Processes that sync.", site.Workers)
            .Gauge("geodr_outage", "1 while a registry is out.", "registry",
                new[] { SyncState.Peers.PrimaryRegistry, SyncState.Peers.OwnRegistry }.Select(p => (p, site.Outages.Any(o => o.Peer == p) ? 1d : 0)))
            .Gauge("geodr_deletions", "Deletions at the primary that are not applied here, by state.", "state",
                DeletionStates.All.Select(s => (s, facts.Deletions.FirstOrDefault(d => d.Value == s).Sample)))
            .Gauge("geodr_deletions_braked", "Deletions that the brake holds; 0 while it is off.", facts.Braked);
        if (site.Cursor is { } cursor)
            text.Gauge("geodr_cursor_lag_events", "Events known and not yet taken in.", cursor.LagEvents)
                .Gauge("geodr_cursor_lag_seconds", "Age of the oldest of them.", cursor.LagSeconds)
                .Gauge("geodr_cursor_read_seconds", "Since the primary's log was last read.", cursor.ReadSecondsAgo)
                .Gauge("geodr_cursor_stopped", "1 while the log is not followed.", cursor.Problem is null ? 0 : 1);
        if (site.Loss is { } loss)
            text.Gauge("geodr_loss_pushes", "Pushes that are known and not here.", loss.Pushes)
                .Gauge("geodr_loss_bytes", "Of them, bytes as far as sizes are known.", loss.KnownBytes)
                .Gauge("geodr_loss_unknown_sizes", "Of them, how many have a size that nobody said.", loss.UnknownSizes)
                .Gauge("geodr_loss_oldest_seconds", "Age of the oldest of them; 0 where there is none.", loss.OldestSeconds ?? 0)
                .Gauge("geodr_loss_window_seconds", "Pushes of so many last seconds may be missing in the list; +Inf where nobody can say.", loss.WindowSeconds ?? double.PositiveInfinity)
                .Family("geodr_target_passed", "gauge", "1 where more would be lost than a target allows; rules are counted from 1 in the order they are given.",
                    Targets(loss.Targets).Select(t => (MetricsText.Labels(("scope", t.Scope), ("kind", t.Kind)), t.Passed)));
        if (site.Verification is { } v)
            text.Gauge("geodr_verification_repositories", "Repositories by the state of their verification.", "state",
                    [("pending", v.Pending), ("started", v.Started), ("succeeded", v.Succeeded), ("failed", v.Failed)])
                .Gauge("geodr_verification_whole", "Repositories that were looked at in full.", v.Whole)
                .Gauge("geodr_verification_deep", "Repositories whose bytes were read and hashed.", v.Deep)
                .Gauge("geodr_verification_damaged", "Repositories with something missing or damaged.", v.Damaged)
                .Gauge("geodr_verification_oldest_seconds", "Age of the oldest full look.", v.OldestSeconds)
                .Gauge("geodr_verification_oldest_deep_seconds", "Age of the oldest reading of all bytes.", v.OldestDeepSeconds);
    }

    // A pattern may name a repository: a rule is known by its place.
    private static IEnumerable<(string Scope, string Kind, double Passed)> Targets(IReadOnlyList<TargetState> targets)
    {
        var rules = targets.Where(t => t.Pattern is not null).Select(t => t.Pattern!).Distinct().ToList();
        return targets.DistinctBy(t => (t.Pattern, t.Kind)).Select(t => (
            t.Pattern is { } p ? $"rule-{(rules.IndexOf(p) + 1).ToString(CultureInfo.InvariantCulture)}" : "site", t.Kind, t.Passed ? 1d : 0));
    }
}
