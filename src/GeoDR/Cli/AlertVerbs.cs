using System.CommandLine;
using GeoDR.Alerts;
using GeoDR.Audit;
using GeoDR.Dashboard;
using GeoDR.Hosting;

namespace GeoDR.Cli;

/// <summary>The alerts from a shell.</summary>
internal static class AlertVerbs
{
    private const int Most = 1000;

    /// <summary>How a test went at one target.</summary>
    private sealed record Tried(string Target, bool Delivered, string? Error);

    public static Command Command()
    {
        var json = new Option<bool>("--json") { Description = "nothing but JSON on stdout" };
        var all = new Option<bool>("--all") { Description = "those that are over, too" };
        var list = new Command("list", "what an operator should know now") { all, json };
        list.SetAction((p, cancel) => ListAsync(p.GetValue(all), p.GetValue(json), cancel));
        var test = new Command("test", "send a message that says that it is a test to every target, at once; exits 1 when one was not reached") { json };
        test.SetAction((p, cancel) => TestAsync(p.GetValue(json), cancel));
        return new Command("alerts", "what an operator should know, and who is told") { list, test };
    }

    private static Task<int> ListAsync(bool all, bool json, CancellationToken cancel) => VerbSettings.WithDatabaseAsync(async source =>
    {
        var alerts = await new AlertList(source).ListAsync(all ? null : true, Most, cancel);
        if (alerts.Count == 0 && !json)
            await Console.Error.WriteLineAsync(all ? "There was no alert yet." : "No alert is open.");
        else
            Listing.Write(json, alerts, ["kind", "subject", "severity", "state", "since", "text", "next"], a =>
                [a.Kind, a.Subject, a.Severity, a.EndedAt is { } end ? $"ended {Display.Utc(end)}" : a.State, Display.Utc(a.Since), a.Text, a.NextStep]);
        return ExitCodes.Success;
    });

    private static async Task<int> TestAsync(bool json, CancellationToken cancel)
    {
        if (VerbSettings.Read() is not { } settings)
            return ExitCodes.Settings;
        var results = await AlertComposition.Targets(settings, TimeProvider.System).TestAsync(settings.SiteName, TimeProvider.System, cancel);
        if (results.Count == 0)
        {
            await Console.Error.WriteLineAsync("No target is set: give Geo:Alerts:Webhook:Url, or Geo:Alerts:Mail:Host, From and To.");
            return ExitCodes.Failed;
        }
        // Alerts are sent without a database, too.
        await VerbSettings.GuardAsync(async () =>
        {
            await using var source = SiteDatabase.Open(settings.Database);
            await new AuditLog(source).NoteAsync(Shell.User, AuditWords.AlertTest, null, null, null, cancel);
            return ExitCodes.Success;
        });
        Listing.Write(json, [.. results.Select(r => new Tried(r.Target, r.Result.Delivered, r.Result.Error))], ["target", "", "why"], r =>
            [r.Target, r.Delivered ? "delivered" : "not delivered", r.Error ?? ""]);
        return results.All(r => r.Result is { Delivered: true, Error: null }) ? ExitCodes.Success : ExitCodes.Failed;
    }
}
