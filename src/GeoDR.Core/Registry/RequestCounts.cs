using System.Collections.Concurrent;
using System.Globalization;
using System.Net;

namespace GeoDR.Registry;

/// <summary>Every request that this process has sent to a registry, by the registry and its answer: for the metrics.</summary>
public static class RequestCounts
{
    /// <summary>The status of a request that got no answer.</summary>
    public const string NoAnswer = "none";

    private static readonly ConcurrentDictionary<(string Registry, string Status), long> s_counts = new();

    public static IReadOnlyList<(string Registry, string Status, long Count)> All =>
        [.. s_counts.Select(c => (c.Key.Registry, c.Key.Status, c.Value)).OrderBy(c => c.Registry, StringComparer.Ordinal).ThenBy(c => c.Status, StringComparer.Ordinal)];

    internal static void Add(string registry, HttpStatusCode? status) =>
        s_counts.AddOrUpdate((registry, status is { } known ? ((int)known).ToString(CultureInfo.InvariantCulture) : NoAnswer), 1, (_, count) => count + 1);
}
