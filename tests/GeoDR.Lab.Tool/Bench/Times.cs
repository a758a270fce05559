using System.Text.Json.Nodes;

namespace GeoDR.Lab.Tool.Bench;

/// <summary>Measured times, in milliseconds, in order of size.</summary>
internal sealed class Times(IEnumerable<double> milliseconds)
{
    private readonly double[] _sorted = [.. milliseconds.Order()];

    public int Count => _sorted.Length;

    public double Median => At(0.5);

    public double P90 => At(0.9);

    public double P99 => At(0.99);

    public double Worst => At(1);

    /// <summary>The smallest time that this share of all times does not exceed (nearest rank, nothing interpolated).</summary>
    public double At(double share) =>
        _sorted.Length == 0 ? double.NaN : _sorted[Math.Max(0, (int)Math.Ceiling(share * _sorted.Length) - 1)];

    public JsonObject ToJson() => new()
    {
        ["count"] = Count,
        ["median_ms"] = Rounded(Median),
        ["p90_ms"] = Rounded(P90),
        ["p99_ms"] = Rounded(P99),
        ["worst_ms"] = Rounded(Worst),
    };

    public static double? Rounded(double value) => double.IsFinite(value) ? Math.Round(value, 3) : null;
}
