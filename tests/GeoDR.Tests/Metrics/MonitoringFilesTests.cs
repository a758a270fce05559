using System.Text.Json;
using System.Text.RegularExpressions;
using GeoDR.Lab;

namespace GeoDR.Tests.Metrics;

/// <summary>The alert rules and the board speak of metrics that there are.</summary>
public sealed partial class MonitoringFilesTests
{
    private static readonly string s_root = GeoProgram.RepositoryRoot();

    [Theory]
    [InlineData("alerts.yml", 15)]
    [InlineData("grafana.json", 14)]
    public void EveryMetric_IsOneThatIsWritten(string file, int atLeast)
    {
        var written = Directory.GetFiles(Path.Combine(s_root, "src", "GeoDR", "Metrics"), "*.cs").SelectMany(f => Written().Matches(File.ReadAllText(f))).Select(m => m.Groups[1].Value).ToHashSet(StringComparer.Ordinal);
        var used = Used().Matches(File.ReadAllText(Path.Combine(s_root, "deploy", "monitoring", file))).Select(m => m.Value).Distinct().ToList();
        Assert.True(used.Count >= atLeast, $"only {used.Count} metrics are used");
        Assert.Empty(used.Except(written));
    }

    [Fact]
    public void Board_IsJson_WithAQueryInEveryPanel()
    {
        using var board = JsonDocument.Parse(File.ReadAllText(Path.Combine(s_root, "deploy", "monitoring", "grafana.json")));
        Assert.All(board.RootElement.GetProperty("panels").EnumerateArray(), p => Assert.NotEmpty(p.GetProperty("targets").EnumerateArray()));
    }

    [GeneratedRegex("\"(geodr_[a-z_]+)\"")]
    private static partial Regex Written();

    // Not the job's name, nor the board's own.
    [GeneratedRegex("\\bgeodr_[a-z_]+")]
    private static partial Regex Used();
}
