using System.Globalization;

namespace GeoDR.Lab;

/// <summary>What a registry counted since it started: requests by handler, method and status, and its processor time.</summary>
public sealed record RegistryCounters(IReadOnlyDictionary<string, long> ByKind, double CpuSeconds)
{
    private const string Requests = "registry_http_requests_total{";
    private const string Cpu = "process_cpu_seconds_total ";

    public long Total => ByKind.Values.Sum();

    /// <summary>Requests of one handler (base, blob, blob_upload, blob_upload_chunk, catalog, manifest, tags) and method (get, head, put, …).</summary>
    public long Count(string handler, string? method = null) =>
        ByKind.Where(k => k.Key.StartsWith($"{handler} {method}", StringComparison.Ordinal)).Sum(k => k.Value);

    /// <summary>What was added since an earlier reading of the same process.</summary>
    public RegistryCounters Since(RegistryCounters earlier) => new(
        ByKind.ToDictionary(k => k.Key, k => k.Value - earlier.ByKind.GetValueOrDefault(k.Key)),
        CpuSeconds - earlier.CpuSeconds);

    internal static RegistryCounters Parse(string metrics)
    {
        var kinds = new Dictionary<string, long>();
        var cpu = 0.0;
        foreach (var line in metrics.Split('\n'))
        {
            if (line.StartsWith(Requests, StringComparison.Ordinal))
            {
                var end = line.IndexOf('}', StringComparison.Ordinal);
                var labels = line[Requests.Length..end].Split(',').Select(l => l.Split('=')).ToDictionary(l => l[0], l => l[1].Trim('"'));
                kinds[$"{labels["handler"]} {labels["method"]} {labels["code"]}"] = (long)Number(line[(end + 1)..]);
            }
            else if (line.StartsWith(Cpu, StringComparison.Ordinal))
            {
                cpu = Number(line[Cpu.Length..]);
            }
        }

        return new RegistryCounters(kinds, cpu);
    }

    private static double Number(string text) => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);
}
