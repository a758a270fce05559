using System.CommandLine;
using System.Globalization;
using Spectre.Console;

namespace GeoDR.Lab.Tool;

/// <summary><c>geodr-lab soak kill</c>, <c>soak pause</c> and those of <see cref="TrustSoaks"/>: repeated faults, one line a round in a file, resumable.</summary>
internal static class SoakCommand
{
    public static Command Create()
    {
        var count = new Option<int>("--count") { Description = "Kills of each target", DefaultValueFactory = _ => 2 };
        var seed = new Option<int>("--seed") { Description = "Decides what happens when", DefaultValueFactory = _ => 1 };
        var lease = new Option<int>("--lease") { Description = "Seconds of Geo:Sync:Lease", DefaultValueFactory = _ => 3 };
        var target = new Option<KillTarget[]>("--target") { Description = "Only these", AllowMultipleArgumentsPerToken = true };
        var large = new Option<int>("--large") { Description = "MiB of the largest layer; none when 0", DefaultValueFactory = _ => 200 };
        var kill = new Command("kill", "kill -9 of every part, under load; everything must be found whole again") { count, seed, lease, target, large };
        kill.SetAction((parsed, token) => RunAsync(
            new KillSoakOptions
            {
                Seed = parsed.GetValue(seed), Lease = TimeSpan.FromSeconds(parsed.GetValue(lease)), LargeLayer = (long)parsed.GetValue(large) << 20,
                Targets = parsed.GetValue(target) is { Length: > 0 } chosen ? chosen : Enum.GetValues<KillTarget>(),
            },
            parsed.GetValue(count), token));
        var rows = new Option<int>("--count") { Description = "Rows that stopped workers held, in all", DefaultValueFactory = _ => 20 };
        var pause = new Command("pause", "SIGSTOP of a worker past its lease, newer pushes meanwhile, and the waking; no old tag may stay") { rows, seed };
        pause.SetAction((parsed, token) => PauseAsync(new PauseSoakOptions { Seed = parsed.GetValue(seed) }, parsed.GetValue(rows), token));
        return new Command("soak", "Repeated faults") { kill, pause, DeletionCommand.Create(), DrillCommand.Create(), TrustSoaks.Lost(), TrustSoaks.Plug(), TrustSoaks.Failover(), TrustSoaks.Handover(), CrashSoaks.Crash(), CrashSoaks.Split(), CrashSoaks.Race(), UpgradeSoaks.Upgrade() };
    }

    private static async Task<int> PauseAsync(PauseSoakOptions options, int rows, CancellationToken cancellationToken)
    {
        var file = Path.Combine(DirectoryOfSoaks(), $"pause-{options.Seed}.log");
        var done = (File.Exists(file) ? await File.ReadAllLinesAsync(file, cancellationToken) : [])
            .Where(l => !l.Contains("FAILED", StringComparison.Ordinal)).Select(l => l.Split('\t')).ToList();
        Console.WriteLine($"soak: {file}, {done.Sum(f => Value(f, "held")):0} of {rows} rows done");
        try
        {
            await using var soak = await PauseSoak.StartAsync(options, cancellationToken);
            while (done.Sum(f => Value(f, "held")) < rows)
            {
                var line = (await soak.RunAsync(done.Count, cancellationToken)).ToLine();
                await AppendAsync(file, line);
                done.Add(line.Split('\t'));
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            Console.WriteLine("stopped; the same command goes on here");
            return 130;
        }
        catch (LabException e)
        {
            await AppendAsync(file, $"{done.Count}\tpause\tFAILED\t{e.Message.ReplaceLineEndings(" | ")}");
            return 1;
        }

        Console.WriteLine($"{done.Count} pauses, {done.Sum(f => Value(f, "held")):0} rows held; old tags seen again {done.Sum(f => Value(f, "old")):0} times, {Text(done.Max(f => Value(f, "longest")))} s at the longest; none stayed");
        return 0;
    }

    private static async Task<int> RunAsync(KillSoakOptions options, int count, CancellationToken cancellationToken)
    {
        var file = Path.Combine(DirectoryOfSoaks(), $"kill-{options.Seed}-{options.Lease.TotalSeconds:0}s-{string.Join('-', options.Targets.Select(t => (int)t))}.log");
        var rounds = count * options.Targets.Count;
        var lines = File.Exists(file) ? await File.ReadAllLinesAsync(file, cancellationToken) : [];
        // A round that failed runs again.
        var done = lines.Count(l => !l.Contains("FAILED", StringComparison.Ordinal));
        Console.WriteLine($"soak: {file}, {done} of {rounds} rounds done");
        while (done < rounds)
        {
            try
            {
                await using var soak = await KillSoak.StartAsync(options, cancellationToken: cancellationToken);
                for (; done < rounds; done++)
                {
                    var round = await soak.RunAsync(done, done == rounds - 1 || done % options.CompareEvery == options.CompareEvery - 1, cancellationToken);
                    await AppendAsync(file, round.ToLine());
                    // New sites from time to time: their registries only grow.
                    if (done % 70 == 69 && ++done > 0)
                    {
                        break;
                    }
                }
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                Console.WriteLine("stopped; the same command goes on here");
                return 130;
            }
            catch (LabException e)
            {
                await AppendAsync(file, $"{done}\t{options.Targets[done % options.Targets.Count]}\tFAILED\t{e.Message.ReplaceLineEndings(" | ")}");
                return 1;
            }
        }

        Summarize(await File.ReadAllLinesAsync(file, cancellationToken));
        return 0;
    }

    internal static string DirectoryOfSoaks()
    {
        var directory = Path.Combine(GeoProgram.RepositoryRoot(), ".geodr", "soak");
        Directory.CreateDirectory(directory);
        return directory;
    }

    internal static async Task AppendAsync(string file, string line)
    {
        Console.WriteLine(line.Length > 3000 ? line[..3000] : line);
        await File.AppendAllTextAsync(file, line + "\n");
    }

    private static void Summarize(IReadOnlyList<string> lines)
    {
        var table = new Table().AddColumns("target", "kills", "with claims", "retaken worst s", "quiet median s", "quiet worst s", "most retries", "failed rounds");
        foreach (var target in lines.Select(l => l.Split('\t')).GroupBy(f => f[1]))
        {
            var whole = target.Where(f => f[2] != "FAILED").ToList();
            var quiet = whole.Select(f => Value(f, "quiet")).Order().ToList();
            table.AddRow(
                target.Key, $"{whole.Count}", $"{whole.Count(f => Value(f, "claims") > 0)}", Text(whole.Select(f => Value(f, "retaken")).DefaultIfEmpty(0).Max()),
                Text(quiet.Count == 0 ? 0 : quiet[quiet.Count / 2]), Text(quiet.DefaultIfEmpty(0).Max()),
                $"{whole.Select(f => Value(f, "retries")).DefaultIfEmpty(0).Max()}", $"{target.Count() - whole.Count}");
        }

        AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, 130);
        AnsiConsole.Write(table);
        Console.WriteLine(
            $"whole comparisons: {lines.Count(l => l.Contains("\tequal", StringComparison.Ordinal))} equal, "
            + $"{lines.Count(l => l.Contains("the registries differ", StringComparison.Ordinal))} differed");
    }

    internal static double Value(string[] fields, string name) =>
        fields.FirstOrDefault(f => f.StartsWith(name + "=", StringComparison.Ordinal)) is { } field
            && double.TryParse(field[(name.Length + 1)..], NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : 0;

    private static string Text(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
}
