using System.CommandLine;
using System.Globalization;
using Spectre.Console;

namespace GeoDR.Lab.Tool;

/// <summary><c>geodr-lab soak deletion</c>: every way of deleting, on both kinds of registry, as a table.</summary>
internal static class DeletionCommand
{
    public static Command Create()
    {
        var only = new Option<string?>("--only") { Description = "Cases whose name contains this" };
        var command = new Command("deletion", "every way of deleting at the primary, with a registry that lies: what goes at the secondary, how, and when") { only };
        command.SetAction((parsed, token) => RunAsync(parsed.GetValue(only), token));
        return command;
    }

    private static async Task<int> RunAsync(string? only, CancellationToken cancel)
    {
        var table = new Table { ShowRowSeparators = true }.AddColumns("registry", "at the primary", "deleted at the secondary", "seconds", "left there");
        var code = 0;
        foreach (var byTag in new[] { false, true })
        {
            var registry = byTag ? "the lab's, by tag" : "Debian's, by digest";
            Console.WriteLine($"registries: {registry}");
            try
            {
                await using var trial = await DeletionTrial.StartAsync(byTag, cancel);
                await foreach (var result in trial.RunAsync(only, cancel))
                {
                    Console.WriteLine($"  {result.Case}: {result.Deleted}");
                    table.AddRow(new[] { registry, result.Case, result.Deleted, result.Seconds.ToString("0.0", CultureInfo.InvariantCulture), result.Left }.Select(Markup.Escape).ToArray());
                }
            }
            catch (LabException e)
            {
                Console.WriteLine($"FAILED: {e.Message}");
                code = 1;
            }
        }

        AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, 180);
        AnsiConsole.Write(table);
        Console.WriteLine($"no quarantine; two listings at least {DeletionTrial.ConfirmAfter.TotalSeconds} s apart; nothing went that was at the primary: {(code == 0 ? "yes" : "NOT SHOWN")}");
        return code;
    }
}
