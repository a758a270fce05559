using System.Globalization;
using System.Text.Json.Nodes;

namespace GeoDR.Lab.Tool.Bench;

/// <summary>What a figure depends on besides the program: kept beside it, so that two runs can be told apart.</summary>
internal static class MachineFacts
{
    public static async Task<JsonObject> ReadAsync(CancellationToken cancellationToken) => new()
    {
        ["at"] = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
        ["cores"] = Environment.ProcessorCount,
        ["processor"] = Line("/proc/cpuinfo", "model name"),
        ["memory"] = Line("/proc/meminfo", "MemTotal"),
        ["load"] = (await File.ReadAllTextAsync("/proc/loadavg", cancellationToken)).Trim(),
        ["kernel"] = Environment.OSVersion.Version.ToString(),
        ["dotnet"] = Environment.Version.ToString(),
        ["postgres"] = await VersionAsync("/usr/lib/postgresql/15/bin/postgres", cancellationToken),
        ["registry"] = await VersionAsync("docker-registry", cancellationToken),
        ["skopeo"] = await VersionAsync("skopeo", cancellationToken),
        ["geodr"] = await VersionAsync(GeoProgram.Path, cancellationToken),
    };

    private static string? Line(string file, string name) =>
        File.ReadLines(file).FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal))?.Split(':', 2)[1].Trim();

    private static async Task<string> VersionAsync(string program, CancellationToken cancellationToken)
    {
        var said = await ManagedProcess.RunAsync(program, ["--version"], cancellationToken: cancellationToken);
        return said.EnsureSuccess().Output.Trim();
    }
}
