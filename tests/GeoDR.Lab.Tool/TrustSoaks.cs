using System.CommandLine;
using System.Globalization;

namespace GeoDR.Lab.Tool;

/// <summary><c>geodr-lab soak lost</c> and <c>soak plug</c>: nothing missed, and nothing lost that the preview did not say.</summary>
internal static class TrustSoaks
{
    /// <summary>New sites from time to time: their registries only grow.</summary>
    private const int RoundsOfOneLab = 10;

    public static Command Lost()
    {
        var count = new Option<int>("--count") { Description = "Rounds", DefaultValueFactory = _ => 2 };
        var seed = new Option<int>("--seed") { Description = "Decides what happens when", DefaultValueFactory = _ => 1 };
        var minutes = new Option<double>("--minutes") { Description = "Length of the load in each round", DefaultValueFactory = _ => 1 };
        var loss = new Option<double>("--loss") { Description = "Share of the notifications that are lost", DefaultValueFactory = _ => 0.05 };
        var command = new Command("lost", "notifications lost at random and with the registry's queue; a reconcile must find every gap") { count, seed, minutes, loss };
        command.SetAction((parsed, token) =>
        {
            var options = new LostSoakOptions { Seed = parsed.GetValue(seed), Load = TimeSpan.FromMinutes(parsed.GetValue(minutes)), Loss = parsed.GetValue(loss) };
            LostSoak? soak = null;
            return RunAsync(
                string.Create(CultureInfo.InvariantCulture, $"lost-{options.Seed}-{options.Load.TotalMinutes:0.##}m-{options.Loss * 100:0.##}"), parsed.GetValue(count),
                async stop => soak = await LostSoak.StartAsync(options, stop),
                async (number, _, stop) => (await soak!.RunAsync(number, stop)).ToLine(),
                lines => $"{lines.Count} rounds: {Sum(lines, "pushes")} pushes, {Sum(lines, "deletions")} deletions; {Sum(lines, "dropped")} notifications dropped, "
                    + $"{Sum(lines, "queue")} lost with a queue; {Sum(lines, "gaps")} gaps, {Sum(lines, "unreported")} of them unreported, {Sum(lines, "differences")} differences",
                token);
        });
        return command;
    }

    public static Command Plug()
    {
        var count = new Option<int>("--count") { Description = "Plugs", DefaultValueFactory = _ => 20 };
        var seed = new Option<int>("--seed") { Description = "Decides what happens when", DefaultValueFactory = _ => 1 };
        var command = new Command("plug", "kill -9 of the whole primary under load; what is lost must be in the list or inside its window") { count, seed };
        command.SetAction((parsed, token) =>
        {
            var options = new PlugSoakOptions { Seed = parsed.GetValue(seed) };
            PlugSoak? soak = null;
            return RunAsync(
                $"plug-{options.Seed}", parsed.GetValue(count),
                async stop => soak = await PlugSoak.StartAsync(options, stop),
                async (number, goOn, stop) => (await soak!.RunAsync(number, goOn, stop)).ToLine(),
                lines => $"{lines.Count} plugs: {Sum(lines, "pushes")} pushes, {Sum(lines, "lost")} images lost, of them {Sum(lines, "listed")} in the list, "
                    + $"{Sum(lines, "inwindow")} inside the window, {Sum(lines, "outside")} neither; {Sum(lines, "listedbuthere")} listed and not lost\n"
                    + string.Join('\n', lines.GroupBy(f => f[1]).Append(lines.GroupBy(_ => "all").Single()).Select(g =>
                        $"  {g.Key}: the window at once after the plug, median {Text(Median(g, "window"))} s, worst {Text(g.Max(f => SoakCommand.Value(f, "window")))} s; "
                        + $"it began before the plug by median {Text(Median(g, "slack"))} s, at least {Text(g.Min(f => SoakCommand.Value(f, "slack")))} s, worst {Text(g.Max(f => SoakCommand.Value(f, "slack")))} s")),
                token);
        });
        return command;
    }

    public static Command Failover()
    {
        var count = new Option<int>("--count") { Description = "Failovers", DefaultValueFactory = _ => 2 };
        var seed = new Option<int>("--seed") { Description = "Decides what happens when", DefaultValueFactory = _ => 1 };
        var command = new Command("failover", "the primary of three sites loses its power under load; another is promoted, and all come together again") { count, seed };
        command.SetAction((parsed, token) =>
        {
            var options = new FailoverSoakOptions { Seed = parsed.GetValue(seed) };
            FailoverSoak? soak = null;
            return RunAsync(
                $"failover-{options.Seed}", parsed.GetValue(count),
                async stop => soak = await FailoverSoak.StartAsync(options, stop),
                async (number, _, stop) => (await soak!.RunAsync(number, stop)).ToLine(),
                lines => $"{lines.Count} failovers, in {Sum(lines, "ahead")} of them the third site could be ahead: {Sum(lines, "pushes")} pushes, {Sum(lines, "lost")} tags lost, of them {Sum(lines, "listed")} in the list and {Sum(lines, "outside")} neither there nor inside its window; "
                    + $"{Sum(lines, "offered")} offered and taken over\n"
                    + string.Join('\n', new[] { "command", "taken", "replicated", "home" }.Select(n =>
                        $"  {n}: median {Text(Median(lines, n))} s, worst {Text(lines.Max(f => SoakCommand.Value(f, n)))} s")),
                token);
        });
        return command;
    }

    public static Command Handover()
    {
        var count = new Option<int>("--count") { Description = "Promotions, there and back", DefaultValueFactory = _ => 2 };
        var seed = new Option<int>("--seed") { Description = "Decides what is pushed", DefaultValueFactory = _ => 1 };
        var command = new Command("handover", "two sites behind HAProxy hand the role over and back under load; no push may be lost") { count, seed };
        command.SetAction((parsed, token) =>
        {
            HandoverSoak? soak = null;
            return RunAsync(
                $"handover-{parsed.GetValue(seed)}", parsed.GetValue(count),
                async stop => soak = await HandoverSoak.StartAsync(parsed.GetValue(seed), stop),
                async (number, _, stop) => (await soak!.RunAsync(number, stop)).ToLine(),
                lines => $"{lines.Count} planned promotions, {Sum(lines, "lost")} pushes lost\n" + string.Join('\n', new[] { "command", "interruption" }.Select(n =>
                    $"  {n}: median {Text(Median(lines, n))} s, worst {Text(lines.Max(f => SoakCommand.Value(f, n)))} s")),
                token);
        });
        return command;
    }

    internal static async Task<int> RunAsync(
        string name, int rounds, Func<CancellationToken, Task<IAsyncDisposable>> start, Func<int, bool, CancellationToken, Task<string>> round,
        Func<IReadOnlyList<string[]>, string> summary, CancellationToken cancellationToken, int roundsOfOneLab = RoundsOfOneLab)
    {
        var file = Path.Combine(SoakCommand.DirectoryOfSoaks(), $"{name}.log");
        // A round that failed runs again.
        var done = (File.Exists(file) ? await File.ReadAllLinesAsync(file, cancellationToken) : [])
            .Where(l => !l.Contains("FAILED", StringComparison.Ordinal)).Select(l => l.Split('\t')).ToList();
        Console.WriteLine($"soak: {file}, {done.Count} of {rounds} rounds done");
        try
        {
            while (done.Count < rounds)
            {
                await using var soak = await start(cancellationToken);
                for (var inLab = 0; done.Count < rounds && inLab < roundsOfOneLab; inLab++)
                {
                    var line = await round(done.Count, done.Count < rounds - 1 && inLab < roundsOfOneLab - 1, cancellationToken);
                    await SoakCommand.AppendAsync(file, line);
                    done.Add(line.Split('\t'));
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
            await SoakCommand.AppendAsync(file, $"{done.Count}\tFAILED\t{e.Message.ReplaceLineEndings(" | ")}{(e.InnerException is { } inner ? " | " + inner.Message : "")}");
            return 1;
        }

        Console.WriteLine(summary(done));
        return 0;
    }

    private static double Sum(IReadOnlyList<string[]> lines, string name) => lines.Sum(f => SoakCommand.Value(f, name));

    private static double Median(IEnumerable<string[]> lines, string name)
    {
        var sorted = lines.Select(f => SoakCommand.Value(f, name)).Order().ToList();
        return sorted[sorted.Count / 2];
    }

    private static string Text(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
}
