using System.Globalization;
using System.Text.RegularExpressions;

namespace GeoDR.Tests.Metrics;

/// <summary>One line of the format with a value.</summary>
public sealed record Sample(string Name, IReadOnlyDictionary<string, string> Labels, double Value);

/// <summary>Reads Prometheus' text format 0.0.4 strictly: what a lenient reader would let pass is an error here.</summary>
public static partial class MetricsParser
{
    public static IReadOnlyList<Sample> Parse(string text)
    {
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        var (samples, seen, family) = (new List<Sample>(), new HashSet<string>(), "");
        var lines = text[..^1].Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i];
            if (line.StartsWith("# HELP ", StringComparison.Ordinal))
            {
                var help = Help().Match(line);
                Assert.True(help.Success, line);
                family = help.Groups[1].Value;
                Assert.True(seen.Add(family), $"{family} comes twice");
                Assert.Matches($@"\A# TYPE {family} (gauge|counter)\z", lines[++i]);
                Assert.StartsWith(family, lines[i + 1], StringComparison.Ordinal);
                continue;
            }
            var match = SampleLine().Match(line);
            Assert.True(match.Success, line);
            Assert.Equal(family, match.Groups[1].Value);
            var labels = Label().Matches(match.Groups[2].Value).ToDictionary(l => l.Groups[1].Value, l => Unescape(l.Groups[2].Value));
            var value = match.Groups[3].Value switch { "+Inf" => double.PositiveInfinity, "-Inf" => double.NegativeInfinity, var n => double.Parse(n, NumberStyles.Float, CultureInfo.InvariantCulture) };
            Assert.DoesNotContain(samples, s => s.Name == family && s.Labels.Count == labels.Count && s.Labels.All(l => labels.TryGetValue(l.Key, out var v) && v == l.Value));
            samples.Add(new(family, labels, value));
        }
        return samples;
    }

    private static string Unescape(string text) => Escaped().Replace(text, m => m.Value switch { @"\n" => "\n", var e => e[1..] });

    [GeneratedRegex(@"\A# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) ((?:[^\\]|\\\\|\\n)+)\z")]
    private static partial Regex Help();

    [GeneratedRegex(@"\A([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*=""(?:[^""\\]|\\[\\""n])*"",?)+)(?<!,)\})? ([+-]Inf|NaN|[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)\z")]
    private static partial Regex SampleLine();

    [GeneratedRegex(@"([a-zA-Z_][a-zA-Z0-9_]*)=""((?:[^""\\]|\\[\\""n])*)""")]
    private static partial Regex Label();

    [GeneratedRegex(@"\\[\\""n]")]
    private static partial Regex Escaped();
}
