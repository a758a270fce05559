using System.CommandLine;
using System.Globalization;
using GeoDR.Dashboard;
using GeoDR.Status;
using GeoDR.SyncState;
using Npgsql;

namespace GeoDR.Cli;

/// <summary>(secondary) What failed, and the work that was asked for on many repositories.</summary>
internal static class WorkVerbs
{
    private static readonly TimeSpan s_again = TimeSpan.FromSeconds(1);

    public static IEnumerable<Command> Commands() => [Failures(), RequestCommand()];

    private static Option<bool> Json() => new("--json") { Description = "nothing but JSON on stdout" };

    private static Command Failures()
    {
        var (json, cause) = (Json(), new Option<string>("--cause") { Description = "as the list names it", Required = true });
        var retry = new Command("retry", "mark everything with one cause for sync") { cause };
        retry.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(async source =>
        {
            var marked = await new Requests(source).ResyncCauseAsync(p.GetValue(cause)!.Replace("\0", "", StringComparison.Ordinal), Shell.User, cancel);
            await Console.Error.WriteLineAsync(marked > 0
                ? $"{Display.Number(marked, "repository is", "repositories are")} marked for sync."
                : $"Nothing failed with the cause '{p.GetValue(cause)}'; `geodr failures` names the causes.");
            return marked > 0 ? ExitCodes.Success : ExitCodes.Failed;
        }));
        var command = new Command("failures", "what failed, by cause, with what to do") { json, retry };
        command.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(async source =>
        {
            var groups = await new FailureGroups(source).ListAsync(cancel);
            Listing.Write(p.GetValue(json), groups, ["cause", "kind", "references", "repositories", "newest", "what to do"], g =>
            [
                g.Cause, g.Kind, Text(g.References), Text(g.Repositories),
                g.Example.Repository + (g.Example.Reference.Length > 0 ? $" {g.Example.Reference}" : ""), g.WhatToDo,
            ]);
            return ExitCodes.Success;
        }));
        return command;
    }

    private static Command RequestCommand()
    {
        var (json, jsonOne) = (Json(), Json());
        var list = new Command("list", "backfills, resyncs and checks, the newest first") { json };
        list.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(async source =>
        {
            Show(p.GetValue(json), await new Requests(source).ListAsync(running: false, 100, cancel));
            return ExitCodes.Success;
        }));
        var (shown, stopped) = (new Argument<long>("id"), new Argument<long>("id"));
        var watch = new Option<bool>("--watch") { Description = "wait until it has ended, and show how far it is" };
        var show = new Command("show", "one of them") { shown, watch, jsonOne };
        show.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(async source =>
        {
            var found = p.GetValue(watch) ? await EndAsync(source, p.GetValue(shown), cancel) : await new Requests(source).GetAsync(p.GetValue(shown), cancel);
            if (found is null)
                return await NoneAsync($"There is no request {p.GetValue(shown)}; `geodr requests list` names them.");
            Show(p.GetValue(jsonOne), [found]);
            return ExitCodes.Success;
        }));
        var stop = new Command("stop", "what is marked for sync stays marked; checks that have not begun are called off") { stopped };
        stop.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(async source =>
        {
            if (!await new Requests(source).StopAsync(p.GetValue(stopped), Shell.User, cancel))
                return await NoneAsync($"There is no running request {p.GetValue(stopped)}; `geodr requests list` names them.");
            await Console.Error.WriteLineAsync("It is stopped.");
            return ExitCodes.Success;
        }));
        return new Command("requests", "(secondary) work that was asked for on many repositories") { list, show, stop };
    }

    /// <summary>The request once it runs no more; null where there is none.</summary>
    private static Task<Request?> EndAsync(NpgsqlDataSource source, long id, CancellationToken cancel) => LongWork.ShowAsync("Reading", async report =>
    {
        var status = new StatusReader(source, TimeProvider.System);
        while (await new Requests(source).GetAsync(id, cancel) is { Status: "running" } request)
        {
            var of = request.Left is null ? (await status.ReadAsync(cancel))?.Counts.Total ?? 0 : request.Marked;
            report(request.Marked - (request.Left ?? 0), of, $"{request.Kind} {id}: {request.Marked} marked{(request.Left is { } left ? $", {left} to be checked" : "")}");
            await Task.Delay(s_again, TimeProvider.System, cancel);
        }
        return await new Requests(source).GetAsync(id, cancel);
    });

    private static void Show(bool json, IReadOnlyList<Request> requests) =>
        Listing.Write(json, requests, ["id", "kind", "status", "marked", "by", "asked", "why", "problem"], r =>
            [Text(r.Id), r.Kind, r.Status, Text(r.Marked), r.CreatedBy, Display.Utc(r.CreatedAt), r.Reason, r.Problem ?? ""]);

    private static async Task<int> NoneAsync(string words)
    {
        await Console.Error.WriteLineAsync(words);
        return ExitCodes.Failed;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
