using System.CommandLine;
using System.Text.Json;
using GeoDR.Audit;
using GeoDR.Configuration;
using GeoDR.Dashboard;
using GeoDR.Notifications;
using GeoDR.Readiness;
using Npgsql;

namespace GeoDR.Cli;

/// <summary>Tries, on a live secondary, what clients would get of it; and the reports of that.</summary>
internal static class DrillVerb
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static Command Command()
    {
        var repositories = new Option<string?>("--repositories") { Description = "how many to pull, drawn by lot, or all; as Geo:Drill:Repositories says where it is not given" };
        repositories.Validators.Add(r =>
        {
            if (r.Tokens is [var token] && !DrillSettings.TryCount(token.Value, out _))
                r.AddError($"--repositories is '{token.Value}'; write a number, or {DrillSettings.All}");
        });
        var json = Json();
        var command = new Command("drill", "(secondary) pull what is here as a client would, try the intake in isolation, and estimate the recovery time; the report is kept; exits 1 when something is missing or damaged or the intake would fail") { repositories, json, List(), Show() };
        command.SetAction((p, cancel) => RunAsync(p.GetValue(repositories), p.GetValue(json), cancel));
        return command;
    }

    private static Option<bool> Json() => new("--json") { Description = "nothing but JSON on stdout" };

    private static Task<int> RunAsync(string? given, bool json, CancellationToken cancel) => PreflightVerb.WithSecondaryAsync(async (settings, source) =>
    {
        var count = given is not null && DrillSettings.TryCount(given, out var asked) ? asked : settings.Drill.Repositories;
        await new AuditLog(source).NoteAsync(Shell.User, "drill", null, null, null, cancel);
        try
        {
            var run = await LongWork.ShowAsync("Drill", show => new DrillWork(settings, source, TimeProvider.System).RunAsync(count, Shell.User, words =>
            {
                show(0, 0, words);
                return Task.CompletedTask;
            }, cancel));
            return await ShowAsync(run, json);
        }
        catch (DrillLostException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return ExitCodes.Failed;
        }
    }, cancel);

    private static Command List()
    {
        var json = Json();
        var command = new Command("list", "the drills of this site, the newest first") { json };
        command.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(async source =>
        {
            Listing.Write(p.GetValue(json), await new DrillRuns(source).ListAsync(DrillRuns.Kept, cancel), ["id", "started", "status", "passed", "asked by", "outcome"], r =>
                [$"{r.Id}", Display.Utc(r.StartedAt), r.Status, r.Report is null ? "" : r.Report.Passed ? "yes" : "no", r.AskedBy, r.Outcome ?? ""]);
            return ExitCodes.Success;
        }));
        return command;
    }

    private static Command Show()
    {
        var (id, json) = (new Argument<long?>("id") { Description = "as `geodr drill list` shows it; the newest where it is not given", Arity = ArgumentArity.ZeroOrOne }, Json());
        var command = new Command("show", "the report of one drill") { id, json };
        command.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(source => ShowAsync(source, p.GetValue(id), p.GetValue(json), cancel)));
        return command;
    }

    private static async Task<int> ShowAsync(NpgsqlDataSource source, long? id, bool json, CancellationToken cancel)
    {
        var drills = new DrillRuns(source);
        if ((id is { } one ? await drills.GetAsync(one, cancel) : await drills.ListAsync(1, cancel) is [var newest, ..] ? newest : null) is { } run)
            return await ShowAsync(run, json);
        await Console.Error.WriteLineAsync(id is null ? "There was no drill here yet: `geodr drill`." : $"There is no drill {id} here; `geodr drill list` names them.");
        return ExitCodes.Failed;
    }

    private static async Task<int> ShowAsync(DrillRun run, bool json)
    {
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(run, s_json));
        else if (run.Report is { } report)
            Console.WriteLine(DrillWords.Of(run.Id, report));
        await Console.Error.WriteLineAsync(BodyText.ForTerminal($"Drill {run.Id}, {run.Status}: {run.Outcome}"));
        return run.Report is { Passed: true } || run.Status == "running" ? ExitCodes.Success : ExitCodes.Failed;
    }
}
