using System.Globalization;
using System.Net.Sockets;
using GeoDR.Lab;

namespace GeoDR.Tests.Documentation;

/// <summary>
/// Runs every command of README, tutorial and how-to guides against two sites, and has their configurations read by the programs that they are for.
/// A block says behind its language where it runs (<c>at=berlin</c>), what it is typed (<c>stdin=…</c>), what it may end with (<c>exit=0,1</c>), how long it may take to hold
/// (<c>within=30s</c>), what is there meanwhile (<c>with=berlin-gone</c>), or why it cannot be run (<c>skip-reason="…"</c>).
/// </summary>
[Trait("Category", "Slow")]
public sealed class GuideTests
{
    /// <summary>Everything that the documents may call; nothing else is on the path, so that a command of another machine does nothing here.</summary>
    private static readonly string[] s_programs = ["skopeo", "openssl", "cat", "curl", "grep"];

    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(60);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static ITestOutputHelper Output => TestContext.Current.TestOutputHelper!;

    [Fact]
    public async Task EveryCommandOfTheGuides_DoesWhatItIsGivenFor()
    {
        await using var lab = await GuideLab.StartAsync(Stop);
        var wrong = new List<string>();
        // The failover changes what the sites are: it comes last.
        foreach (var file in DocBlock.Guides.Order(StringComparer.Ordinal).OrderBy(f => f.EndsWith("/failover.md", StringComparison.Ordinal)))
        {
            foreach (var block in DocBlock.Of(file).Where(b => b.Language is "sh" or "sql" or "yaml" or "haproxy"))
            {
                if (block.SkipReason is { } reason)
                {
                    Output.WriteLine($"{block.Where} is not run: {reason}");
                    continue;
                }
                var begun = TimeProvider.System.GetTimestamp();
                if (await RunAsync(lab, block) is { } fault)
                    wrong.Add($"{block.Where}: {fault}\n{block.Text}");
                Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{block.Where} {TimeProvider.System.GetElapsedTime(begun).TotalSeconds:0.0} s"));
            }
            await lab.EndDemoAsync();
        }
        Source.AssertNone(wrong);
    }

    private static async Task<string?> RunAsync(GuideLab lab, DocBlock block)
    {
        try
        {
            switch (block.Language)
            {
                case "sql":
                    await lab.Sites[block.Words["at"]].Postgres.ExecuteAsync(block.Text, Site.Database, Stop);
                    return null;
                case "haproxy":
                    return await HaproxyAsync(lab, block);
                case "yaml":
                    return block.Words["for"] == "registry" ? await RegistryAsync(lab, block) : await PrometheusAsync(lab, block);
                default:
                    return await ShellAsync(lab, block);
            }
        }
        catch (Exception e) when (e is LabException or KeyNotFoundException or Npgsql.NpgsqlException)
        {
            return e.Message;
        }
    }

    private static async Task<string?> ShellAsync(GuideLab lab, DocBlock block)
    {
        await lab.PrepareAsync(block.Words.GetValueOrDefault("with"), Stop);
        if (block.Words.GetValueOrDefault("with") == "demo")
            return null;
        var codes = (block.Words.GetValueOrDefault("exit") ?? "0").Split(',').Select(c => int.Parse(c, CultureInfo.InvariantCulture)).ToList();
        // A command that may end with 1 does not end the block.
        var script = (codes.Count == 1 ? "set -e\n" : "") + lab.Here(block.Text);
        var patience = TimeSpan.FromSeconds(block.Words.GetValueOrDefault("within") is { } within ? int.Parse(within.TrimEnd('s'), CultureInfo.InvariantCulture) : 0);
        var begun = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var run = await ManagedProcess.RunAsync(
                "/bin/bash", ["-uo", "pipefail", "-c", script], lab.Environment(block.Words.GetValueOrDefault("at"), s_programs), block.Words.GetValueOrDefault("stdin") is { } typed ? typed + "\n" : null,
                workingDirectory: lab.DirectoryOf(block.File), cancellationToken: Stop);
            if (codes.Contains(run.ExitCode) && run.Error.Contains("command not found", StringComparison.Ordinal) == false)
                return null;
            if (TimeProvider.System.GetElapsedTime(begun) >= patience)
                return $"exit code {run.ExitCode}\n{run.Error}{run.Output}";
        }
    }

    private static async Task<string?> HaproxyAsync(GuideLab lab, DocBlock block)
    {
        var file = Path.Combine(lab.DirectoryOf(block.File), "haproxy.cfg");
        await File.WriteAllTextAsync(file, $"defaults\n    mode http\n    timeout connect 1s\n    timeout client 1m\n    timeout server 1m\nfrontend registry\n    bind 127.0.0.1:{Ports.Free()}\n    default_backend registry\n{lab.Here(block.Text)}\n", Stop);
        var run = await ManagedProcess.RunAsync("/usr/sbin/haproxy", ["-c", "-f", file], cancellationToken: Stop);
        return run.ExitCode == 0 ? null : run.Error + run.Output;
    }

    /// <summary>The real registry starts with it, and listens.</summary>
    private static async Task<string?> RegistryAsync(GuideLab lab, DocBlock block)
    {
        var (directory, port) = (Path.Combine(lab.DirectoryOf(block.File), $"registry-{block.Line}"), Ports.Free());
        Directory.CreateDirectory(directory);
        var file = Path.Combine(directory, "config.yml");
        await File.WriteAllTextAsync(file, $"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {directory}/data\nhttp:\n  addr: 127.0.0.1:{port}\n{lab.Here(block.Text)}\n", Stop);
        await using var registry = ManagedProcess.Start(new("/usr/bin/docker-registry", "serve", file) { LogFile = Path.Combine(directory, "log") });
        await registry.WaitUntilAsync(
            async token =>
            {
                using var socket = new TcpClient();
                await socket.ConnectAsync("127.0.0.1", port, token);
                return true;
            },
            s_deadline, "the registry listens", Stop);
        return null;
    }

    private static async Task<string?> PrometheusAsync(GuideLab lab, DocBlock block)
    {
        if (!File.Exists("/usr/bin/promtool"))
        {
            Output.WriteLine($"{block.Where} is not read: there is no promtool on this machine");
            return null;
        }
        var file = Path.Combine(lab.DirectoryOf(block.File), "prometheus.yml");
        await File.WriteAllTextAsync(file, block.Text, Stop);
        var run = await ManagedProcess.RunAsync("/usr/bin/promtool", ["check", "config", "--syntax-only", file], cancellationToken: Stop);
        return run.ExitCode == 0 ? null : run.Error + run.Output;
    }
}
