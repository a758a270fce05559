using System.CommandLine;

namespace GeoDR.Lab.Tool;

/// <summary><c>geodr-lab soak crash</c> and <c>soak split</c>: every step of a change of roles with a process killed during it, and the network cut between sites that all live.</summary>
internal static class CrashSoaks
{
    public static Command Crash()
    {
        var count = new Option<int>("--count") { Description = "Kills; every case once by default", DefaultValueFactory = _ => CrashCase.All.Count };
        var seed = new Option<int>("--seed") { Description = "Decides what happens when", DefaultValueFactory = _ => 1 };
        var only = new Option<string>("--only") { Description = "Only the cases whose name begins so, like planned/drain", DefaultValueFactory = _ => "" };
        var command = new Command("crash", "kill -9 during every step of promote and demote, on either side; the next run finishes or undoes, and nothing is lost") { count, seed, only };
        command.SetAction((parsed, token) =>
        {
            CrashSoak? soak = null;
            var cases = CrashCase.All.Where(c => c.ToString().StartsWith(parsed.GetValue(only)!, StringComparison.Ordinal)).ToList();
            if (cases.Count == 0)
            {
                Console.Error.WriteLine($"no case begins with {parsed.GetValue(only)}; there are {string.Join(' ', CrashCase.All)}");
                return Task.FromResult(2);
            }

            return TrustSoaks.RunAsync(
                $"crash-{parsed.GetValue(seed)}{(cases.Count < CrashCase.All.Count ? "-" + parsed.GetValue(only)!.Replace('/', '-') : "")}", Math.Min(parsed.GetValue(count), parsed.GetResult(count)?.Implicit == false ? int.MaxValue : cases.Count),
                async stop => soak = await CrashSoak.StartAsync(parsed.GetValue(seed), stop),
                async (number, _, stop) => (await soak!.RunAsync(number, cases[number % cases.Count], stop)).ToLine(),
                Table, token);
        });
        return command;
    }

    public static Command Split()
    {
        var count = new Option<int>("--count") { Description = "Cuts", DefaultValueFactory = _ => 3 };
        var seed = new Option<int>("--seed") { Description = "Decides what happens when", DefaultValueFactory = _ => 1 };
        var command = new Command("split", "the network between three living sites is cut, and more than one takes pushes; healed, nothing is overwritten silently") { count, seed };
        command.SetAction((parsed, token) =>
        {
            SplitSoak? soak = null;
            return TrustSoaks.RunAsync(
                $"split-{parsed.GetValue(seed)}", parsed.GetValue(count),
                async stop => soak = await SplitSoak.StartAsync(parsed.GetValue(seed), stop),
                async (number, _, stop) => (await soak!.RunAsync(number, stop)).ToLine(),
                lines => "| cut | rounds | pushes | conflicts | fenced after, worst s | listed as divergent | overwritten silently | lost |\n|---|---|---|---|---|---|---|---|\n"
                    + string.Join('\n', lines.GroupBy(f => f[1]).Select(g => FormattableString.Invariant(
                        $"| {g.Key} | {g.Count()} | {Sum(g, "pushes")} | {Sum(g, "conflict")} | {g.Max(f => SoakCommand.Value(f, "fenced")):0.0} | {Sum(g, "divergent")} | {Sum(g, "overwritten")} | {Sum(g, "lost")} |"))),
                token, roundsOfOneLab: 1);
        });
        return command;
    }

    public static Command Race()
    {
        var count = new Option<int>("--count") { Description = "Changes of roles", DefaultValueFactory = _ => 2 };
        var seed = new Option<int>("--seed") { Description = "Decides what happens when", DefaultValueFactory = _ => 1 };
        var command = new Command("race", "the role changes while workers copy, and the old primary comes back at the same moment; no old content may remain over new") { count, seed };
        command.SetAction((parsed, token) =>
        {
            RaceSoak? soak = null;
            return TrustSoaks.RunAsync(
                $"race-{parsed.GetValue(seed)}", parsed.GetValue(count),
                async stop => soak = await RaceSoak.StartAsync(parsed.GetValue(seed), stop),
                async (number, _, stop) => (await soak!.RunAsync(number, stop)).ToLine(),
                lines => FormattableString.Invariant(
                    $"{lines.Count} changes of roles, {lines.Count(f => SoakCommand.Value(f, "copying") > 0)} of them while repositories were being copied: {Sum(lines, "older")} pushes to the old primary, {Sum(lines, "newer")} over the same tags to the new one, {Sum(lines, "divergent")} divergent tags dropped, {Sum(lines, "over")} tags with old content over new"),
                token);
        });
        return command;
    }

    private static double Sum(IEnumerable<string[]> lines, string name) => lines.Sum(f => SoakCommand.Value(f, name));

    /// <summary>Steps by what was killed, in Markdown, with the number of rounds of each outcome.</summary>
    private static string Table(IReadOnlyList<string[]> lines)
    {
        var cases = lines.Select(f => (Case: f[1].Split('/'), Outcome: f.First(x => x.StartsWith("outcome=", StringComparison.Ordinal))[8..])).ToList();
        string[] sides = ["command", "serve", "both", "other"];
        var rows = cases.GroupBy(c => (c.Case[0], c.Case[1])).Select(step => $"| {step.Key.Item1} | {step.Key.Item2} | " + string.Join(" | ", sides.Select(side =>
            string.Join(", ", step.Where(c => c.Case[2] == side).GroupBy(c => c.Outcome).Select(o => o.Count() == 1 ? o.Key : $"{o.Key} ({o.Count()})")))) + " |");
        var worst = lines.Max(f => SoakCommand.Value(f, "letin"));
        return $"| change | step | {string.Join(" | ", sides)} |\n|---|---|---|---|---|---|\n{string.Join('\n', rows)}\n"
            + FormattableString.Invariant($"{lines.Count} kills, {lines.Sum(f => SoakCommand.Value(f, "pushes"))} pushes, {lines.Sum(f => SoakCommand.Value(f, "listed"))} listed as divergent, {lines.Sum(f => SoakCommand.Value(f, "lost"))} lost; clients of an undone promotion let in after {worst:0.0} s at the latest");
    }
}
