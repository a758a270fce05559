using System.CommandLine;
using System.Text.Json;
using GeoDR.Configuration;
using GeoDR.Failover;
using GeoDR.Hosting;
using GeoDR.Notifications;
using GeoDR.Readiness;
using GeoDR.Sites;
using Npgsql;

namespace GeoDR.Cli;

/// <summary>What a promotion of this site would stand on, check by check.</summary>
internal static class PreflightVerb
{
    // A promotion does not wait for a site or a registry that hangs.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(25);
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static Command Command()
    {
        var json = new Option<bool>("--json") { Description = "nothing but JSON on stdout" };
        var command = new Command("preflight", "(secondary) what a promotion would stand on: every check with its figure and the mend; changes nothing but a canary in this site's registry; exits 1 when a check fails") { json };
        command.SetAction((p, cancel) => WithSecondaryAsync(async (settings, source) =>
        {
            using var preflight = new PreflightReader(settings, source, TimeProvider.System);
            if (await preflight.ReadAsync(cancel) is not { } report)
                return await FailAsync("Only a secondary can be promoted: run this there.");
            if (p.GetValue(json))
                Console.WriteLine(JsonSerializer.Serialize(report, s_json));
            else
                report.Checks.ToList().ForEach(c => Console.WriteLine(Line(c)));
            return report.Passed ? ExitCodes.Success : ExitCodes.Failed;
        }, cancel));
        return command;
    }

    /// <summary>Says what fails, on the way to a promotion that is about to be confirmed; whatever comes of it, that goes on.</summary>
    public static async Task SayFailingAsync(GeoSettings settings, NpgsqlDataSource source, CancellationToken cancel)
    {
        using var preflight = new PreflightReader(settings, source, TimeProvider.System);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(s_patience);
        try
        {
            var failing = (await preflight.ReadAsync(limit.Token))?.Checks.Where(c => c.State == CheckStates.Fail).ToList() ?? [];
            await Console.Error.WriteLineAsync(failing.Count == 0 ? "Preflight: nothing fails." : "Preflight, what fails:");
            foreach (var check in failing)
                await Console.Error.WriteLineAsync(Line(check));
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync($"Preflight: not done within {s_patience.TotalSeconds:0} s; something that it asks hangs.");
        }
    }

    /// <summary>Runs with the settings of the primary that this site follows now.</summary>
    internal static async Task<int> WithSecondaryAsync(Func<GeoSettings, NpgsqlDataSource, Task<int>> run, CancellationToken cancel)
    {
        if (VerbSettings.Read() is not { } initial)
            return ExitCodes.Settings;
        await using var source = SiteDatabase.Open(initial.Database);
        return await VerbSettings.GuardAsync(async () =>
        {
            var book = new SiteBook(source);
            if (await new SiteStore(source).ReadAsync(cancel) is not { } site)
                return await FailAsync("This site was never started: start `geodr serve` once.");
            var (settings, faults) = await Following.ApplyAsync(initial, site, book, cancel);
            return VerbSettings.Report(faults) ? await run(settings, source) : ExitCodes.Settings;
        });
    }

    // Other sites and registries chose some of these words: they must not steer the terminal.
    private static string Line(PreflightCheck c) => $"{c.State,-4}  {BodyText.ForTerminal($"{c.Name}: {c.Figure}")}{(c.Mend is null ? "" : $"\n      mend: {BodyText.ForTerminal(c.Mend)}")}";

    private static async Task<int> FailAsync(string words)
    {
        await Console.Error.WriteLineAsync(words);
        return ExitCodes.Failed;
    }
}
