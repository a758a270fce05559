using System.CommandLine;
using System.Globalization;
using GeoDR.Dashboard;
using GeoDR.Status;

namespace GeoDR.Cli;

/// <summary>What the dashboard lists, from a shell: events, attempts, one repository, workers.</summary>
internal static class ListVerbs
{
    public static IEnumerable<Command> Commands() => [Events(), Repository(), Attempts(), Workers()];

    private static Option<bool> Json() => new("--json") { Description = "nothing but JSON on stdout" };

    private static Command Events()
    {
        var (json, after) = (Json(), new Option<long?>("--after") { Description = "events after this id; the newest where it is not given" });
        var limit = new Option<int>("--limit") { Description = "at most so many, 1 to 100000", DefaultValueFactory = _ => 50 };
        var command = new Command("events", "the geo events in this site's own log") { after, limit, json };
        command.SetAction((p, cancel) =>
        {
            if (p.GetValue(limit) is >= 1 and <= 100_000)
                return EventsAsync(p.GetValue(after), p.GetValue(limit), p.GetValue(json), cancel);
            Console.Error.WriteLine("--limit is from 1 to 100000.");
            return Task.FromResult(ExitCodes.Usage);
        });
        return command;
    }

    private static Task<int> EventsAsync(long? after, int limit, bool json, CancellationToken cancel) => VerbSettings.WithDatabaseAsync(async source =>
    {
        var list = new EventList(source);
        var events = after is { } from ? await list.ListAsync(from, limit, cancel) : await list.NewestAsync(limit, cancel);
        Listing.Write(json, events, ["id", "received", "kind", "repository", "tag", "digest", "size", "by"], e =>
        [
            Text(e.Id), Display.Utc(e.ReceivedAt), e.Kind, e.Repository, e.Tag ?? "", e.Digest ?? "",
            e.Bytes is { } bytes ? Display.Bytes(bytes) : "unknown", e.Actor ?? "",
        ]);
        return ExitCodes.Success;
    });

    private static Command Repository()
    {
        var (json, name) = (Json(), new Argument<string>("name"));
        var show = new Command("show", "its state, what it waits for, and why it failed") { name, json };
        show.SetAction((p, cancel) => WithRowAsync(p.GetValue(name)!, (_, row) =>
        {
            Listing.Write(p.GetValue(json), [row], ["name", "state", "missing", "bytes", "last synced", "tries", "failed at", "failure"], r =>
            [
                r.Name, r.State, Text(r.MissingTags), Display.BytesWaiting(r.BytesWaiting, r.MissingTags),
                r.LastSyncedAt is { } at ? Display.Utc(at) : "never", Text(r.RetryCount), r.FailedReference ?? "", r.LastSyncFailure ?? "",
            ]);
            return Task.CompletedTask;
        }, cancel));
        return new Command("repository", "one repository") { show };
    }

    private static Command Attempts()
    {
        var (json, name) = (Json(), new Option<string>("--repository") { Description = "whose", Required = true });
        var command = new Command("attempts", "what each piece of work on a repository came to, the newest first") { name, json };
        command.SetAction((p, cancel) => WithRowAsync(p.GetValue(name)!, async (source, row) =>
            Listing.Write(p.GetValue(json), await new AttemptList(source).ListAsync(row.Id, 100, cancel), ["began", "took", "bytes", "requests", "node", "outcome", "message"], a =>
            [
                Display.Utc(a.StartedAt), Display.Age(a.Seconds), Display.Bytes(a.Bytes), Text(a.Requests), a.Node, a.Outcome, a.Message ?? "",
            ]), cancel));
        return command;
    }

    private static Command Workers()
    {
        var json = Json();
        var command = new Command("workers", "(secondary) the processes that sync, and how much each has in hand") { json };
        command.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(async source =>
        {
            Listing.Write(p.GetValue(json), await new WorkerList(source).ListAsync(cancel), ["node", "in hand", "slots", "since", "lease"], w =>
            [
                w.Node, Text(w.Started), Text(w.Slots), Display.Utc(w.StartedAt), w.LeaseSecondsLeft > 0 ? $"{Display.Age(w.LeaseSecondsLeft)} left" : "dead",
            ]);
            return ExitCodes.Success;
        }));
        return command;
    }

    private static Task<int> WithRowAsync(string name, Func<Npgsql.NpgsqlDataSource, RepositoryRow, Task> run, CancellationToken cancel) =>
        VerbSettings.WithDatabaseAsync(async source =>
        {
            if (await new RepositoryList(source).FindAsync(name, cancel) is not { } row)
            {
                await Console.Error.WriteLineAsync($"There is no repository {name} here.");
                return ExitCodes.Failed;
            }
            await run(source, row);
            return ExitCodes.Success;
        });

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
