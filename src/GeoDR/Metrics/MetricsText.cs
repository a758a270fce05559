using System.Globalization;
using System.Text;

namespace GeoDR.Metrics;

/// <summary>Writes Prometheus' text format, version 0.0.4: each family once, its HELP and TYPE before its samples.</summary>
public sealed class MetricsText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    private readonly StringBuilder _text = new();

    /// <summary>A family with one sample and no label; left out where the value is not known.</summary>
    public MetricsText Gauge(string name, string help, double? value) => value is { } known ? Family(name, "gauge", help, [(Labels(), known)]) : this;

    /// <summary>One sample for each value of a label.</summary>
    public MetricsText Gauge(string name, string help, string label, IEnumerable<(string Value, double Sample)> samples) =>
        Family(name, "gauge", help, samples.Select(s => (Labels((label, s.Value)), s.Sample)));

    public MetricsText Counter(string name, string help, double value) => Family(name, "counter", help, [(Labels(), value)]);

    /// <param name="labels">As <see cref="Labels"/> writes them.</param>
    public MetricsText Family(string name, string type, string help, IEnumerable<(string Labels, double Value)> samples)
    {
        var all = samples.ToList();
        if (all.Count == 0)
            return this;
        _text.Append("# HELP ").Append(name).Append(' ').Append(help.Replace("\\", @"\\", StringComparison.Ordinal).Replace("\n", @"\n", StringComparison.Ordinal)).Append('\n');
        _text.Append("# TYPE ").Append(name).Append(' ').Append(type).Append('\n');
        foreach (var (labels, value) in all)
            _text.Append(name).Append(labels).Append(' ').Append(Number(value)).Append('\n');
        return this;
    }

    public static string Labels(params (string Name, string Value)[] labels) => labels.Length == 0 ? ""
        : $"{{{string.Join(',', labels.Select(l => $"{l.Name}=\"{Escape(l.Value)}\""))}}}";

    public override string ToString() => _text.ToString();

    private static string Escape(string value) =>
        value.Replace("\\", @"\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", @"\n", StringComparison.Ordinal);

    private static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        double.NaN => "NaN",
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };
}
