using System.Diagnostics;
using GeoDR.Alerts;
using GeoDR.Configuration;
using GeoDR.Dashboard.Live;
using GeoDR.Status;
using Npgsql;

namespace GeoDR.Metrics;

/// <summary>The metrics' one reading: however often they are fetched, the database is asked once in two seconds at most.</summary>
internal sealed class MetricsReader(LiveStatus live, NpgsqlDataSource source, AlertTargets targets, SyncCounters syncs, GeoSettings settings, TimeProvider time)
{
    private static readonly TimeSpan s_fresh = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(15);

    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly long _started = time.GetTimestamp();
    private (string Text, long At)? _latest;
    private long _readings;

    public async Task<string> ReadAsync(CancellationToken cancel)
    {
        if (_latest is { } latest && time.GetElapsedTime(latest.At) < s_fresh)
            return latest.Text;
        await _one.WaitAsync(cancel);
        try
        {
            // Whoever waited for another's reading takes it.
            if (_latest is { } newer && time.GetElapsedTime(newer.At) < s_fresh)
                return newer.Text;
            var text = await WriteAsync(cancel);
            _latest = (text, time.GetTimestamp());
            return text;
        }
        finally
        {
            _one.Release();
        }
    }

    private async Task<string> WriteAsync(CancellationToken cancel)
    {
        var text = new MetricsText();
        using var process = Process.GetCurrentProcess();
        text.Family("geodr_build_info", "gauge", "The program.", [(MetricsText.Labels(("version", StatusReader.Version)), 1)])
            .Gauge("geodr_process_uptime_seconds", "Since this process began to serve.", time.GetElapsedTime(_started).TotalSeconds)
            .Gauge("process_resident_memory_bytes", "Memory of this process.", process.WorkingSet64)
            .Counter("process_cpu_seconds_total", "Processor time of this process.", process.TotalProcessorTime.TotalSeconds)
            .Gauge("geodr_secret_files_refused", "Files of secrets that changed and cannot be used; what they held before counts.", settings.SecretFiles.Count(f => f.Fault is not null))
            .Counter("geodr_metrics_readings_total", "Readings of the database for the metrics.", ++_readings)
            .Family("geodr_registry_requests_total", "counter", "Requests of this process to registries, by the status of the answer; none where there was none.",
                Registry.RequestCounts.All.Select(c => (MetricsText.Labels(("registry", c.Registry), ("status", c.Status)), (double)c.Count)));
        syncs.Write(text);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(s_patience);
        try
        {
            var (status, problem, _) = await live.CurrentAsync(limit.Token);
            text.Gauge("geodr_database_up", "1 while the site's database answers; without it there is little else here.", problem is null ? 1 : 0);
            if (status is not null && problem is null)
                SiteMetrics.Write(text, status, await MetricsFacts.ReadAsync(source, limit.Token), targets.Names);
        }
        catch (Exception e) when (e is NpgsqlException || e is OperationCanceledException && !cancel.IsCancellationRequested)
        {
            // Families that were written already are not written twice: this scrape holds what there is.
            if (!text.ToString().Contains("geodr_database_up", StringComparison.Ordinal))
                text.Gauge("geodr_database_up", "1 while the site's database answers; without it there is little else here.", 0);
        }
        return text.ToString();
    }
}
