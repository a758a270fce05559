using System.CommandLine;

namespace GeoDR.Lab.Tool;

/// <summary><c>geodr-lab soak upgrade</c>: from an older version to this one under load.</summary>
internal static class UpgradeSoaks
{
    public static Command Upgrade()
    {
        var count = new Option<int>("--count") { Description = "Upgrades of two sites", DefaultValueFactory = _ => 4 };
        var seed = new Option<int>("--seed") { Description = "Decides what happens when", DefaultValueFactory = _ => 1 };
        var command = new Command("upgrade", "two sites of the version in GEODR_OLD_PROGRAM are upgraded under load, in every order, with migrations killed in the middle; no push may be lost") { count, seed };
        command.SetAction(async (parsed, token) =>
        {
            if (UpgradeSoak.OldProgram is not { } old)
            {
                await Console.Error.WriteLineAsync("Set GEODR_OLD_PROGRAM to the geodr of an older version: docs/how-to/upgrade.md says how to build one.");
                return 2;
            }

            UpgradeSoak? soak = null;
            return await TrustSoaks.RunAsync(
                $"upgrade-{parsed.GetValue(seed)}", parsed.GetValue(count),
                _ => Task.FromResult<IAsyncDisposable>(soak = new UpgradeSoak(old, parsed.GetValue(seed))),
                async (number, _, stop) => (await soak!.RunAsync(number, stop)).ToLine(),
                lines => FormattableString.Invariant(
                    $"{lines.Count} upgrades, {Sum(lines, "killed")} migrations killed in the middle: {Sum(lines, "pushes")} pushes, {Sum(lines, "beside")} of them while old and new ran beside each other; everything synced after {lines.Max(f => SoakCommand.Value(f, "quiet")):0.0} s at the latest; both registries equal each time"),
                token);
        });
        return command;
    }

    private static double Sum(IEnumerable<string[]> lines, string name) => lines.Sum(f => SoakCommand.Value(f, name));
}
