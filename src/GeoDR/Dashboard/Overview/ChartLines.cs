using GeoDR.Status;

namespace GeoDR.Dashboard.Overview;

/// <summary>One line of a chart; a null is a gap.</summary>
/// <param name="Title">With the unit.</param>
/// <param name="InWords">A value as it is read.</param>
public sealed record ChartLine(string Title, IReadOnlyList<(DateTimeOffset At, double? Value)> Points, Func<double, string> InWords)
{
    private const string Bars = "▁▂▃▄▅▆▇█";

    public double Most => Points.Max(p => p.Value) ?? 0;

    public string Newest => Points is [.., (_, { } value)] ? InWords(value) : "–";

    public string Highest => Points.Any(p => p.Value is not null) ? InWords(Most) : "–";

    /// <summary>For a terminal: each place shows the highest of its part; a gap is a space.</summary>
    public string Sparkline(int width)
    {
        var places = Math.Min(width, Points.Count);
        return string.Concat(Enumerable.Range(0, places).Select(i =>
            Points.Skip(i * Points.Count / places).Take(Math.Max(1, (i + 1) * Points.Count / places - i * Points.Count / places)).Max(p => p.Value) is { } value
                ? Bars[Most <= 0 ? 0 : (int)Math.Min(Bars.Length - 1, Math.Floor(value / Most * (Bars.Length - 1) + 0.999))] : ' '));
    }
}

/// <summary>The lines of a site's history: the same in dashboard and command line. No Blazor here.</summary>
public static class ChartLines
{
    /// <summary>Only what this site had in the span at all.</summary>
    public static IReadOnlyList<ChartLine> Of(Chart chart)
    {
        string Count(double value) => Display.Number((long)value);
        string PerMinute(double value) => FormattableString.Invariant($"{value:0.#} per min");
        var minutes = chart.StepSeconds / 60d;
        ChartLine[] lines =
        [
            Line(chart, "Lag, age of the oldest event not taken in", s => s.LagSeconds, Display.Age),
            Line(chart, "Lag, events", s => s.LagEvents, Count),
            Line(chart, "Backlog, repositories", s => s.Backlog, Count),
            Line(chart, "Failed, repositories", s => s.Failed, Count),
            Line(chart, "Events", s => s.Events / minutes, PerMinute),
            Line(chart, "Synced, pieces of work", s => s.Synced / minutes, PerMinute),
            Line(chart, "Copied", s => (double?)s.Bytes / chart.StepSeconds, v => $"{Display.Bytes((long)v)}/s"),
        ];
        return [.. lines.Where(l => l.Points.Any(p => p.Value is not null))];
    }

    // A step that nobody sampled is a gap, not a line across it.
    private static ChartLine Line(Chart chart, string title, Func<Sample, double?> value, Func<double, string> inWords)
    {
        var points = new List<(DateTimeOffset, double?)>();
        Sample? last = null;
        foreach (var sample in chart.Samples)
        {
            if (last is not null && (sample.At - last.At).TotalSeconds > 1.5 * chart.StepSeconds)
                points.Add((last.At.AddSeconds(chart.StepSeconds), null));
            points.Add((sample.At, value(sample)));
            last = sample;
        }
        return new(title, points, inWords);
    }
}
