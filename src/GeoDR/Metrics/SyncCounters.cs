using System.Collections.Concurrent;
using GeoDR.Sync;

namespace GeoDR.Metrics;

/// <summary>The pieces of work that ended in this process, by outcome: for the metrics.</summary>
internal sealed class SyncCounters
{
    private readonly ConcurrentDictionary<string, (long Count, double Seconds, long Bytes)> _byOutcome = new();

    public void Add(string outcome, WorkCost cost) => _byOutcome.AddOrUpdate(
        outcome, (1, cost.Took.TotalSeconds, cost.Bytes), (_, sum) => (sum.Count + 1, sum.Seconds + cost.Took.TotalSeconds, sum.Bytes + cost.Bytes));

    public void Write(MetricsText text)
    {
        var all = _byOutcome.OrderBy(o => o.Key, StringComparer.Ordinal).ToList();
        text.Family("geodr_syncs_total", "counter", "Pieces of work on repositories that ended in this process.", all.Select(o => (MetricsText.Labels(("outcome", o.Key)), (double)o.Value.Count)))
            .Family("geodr_sync_seconds_total", "counter", "Time that they took together.", all.Select(o => (MetricsText.Labels(("outcome", o.Key)), o.Value.Seconds)))
            .Family("geodr_sync_bytes_total", "counter", "Bytes that they copied.", all.Select(o => (MetricsText.Labels(("outcome", o.Key)), (double)o.Value.Bytes)));
    }
}
