using System.CommandLine;
using System.Globalization;
using GeoDR.Dashboard;
using GeoDR.Dashboard.Overview;
using GeoDR.Status;

namespace GeoDR.Cli;

/// <summary>What the dashboard lists, from a shell: events, attempts, one repository, workers.</summary>
internal static class ListVerbs
{
    public static IEnumerable<Command> Commands() => [Events(), Intake(), Repository(), Attempts(), Workers(), Charts(), Settings()];

    private static Option<bool> Json() => new("--json") { Description = "nothing but JSON on stdout" };

    private static Command Events()
    {
        var (json, after) = (Json(), new Option<long?>("--after") { Description = "events after this id; the newest where it is not given" });
        var limit = new Option<int>("--limit") { Description = "at most so many, 1 to 100000", DefaultValueFactory = _ => 50 };
        var repository = new Option<string?>("--repository") { Description = "only this repository's, the newest" };
        var kind = new Option<string?>("--kind") { Description = "only push or delete, the newest" };
        kind.AcceptOnlyFromAmong([.. EventFilter.Kinds]);
        var command = new Command("events", "the geo events in this site's own log") { after, limit, repository, kind, json };
        command.Validators.Add(p =>
        {
            if (p.GetValue(after) is not null && (p.GetValue(repository) ?? p.GetValue(kind)) is not null)
                p.AddError("--after reads the whole log: it goes with no filter.");
        });
        command.SetAction((p, cancel) =>
        {
            if (p.GetValue(limit) is >= 1 and <= 100_000)
                return EventsAsync(p.GetValue(after), EventFilter.From(p.GetValue(repository), p.GetValue(kind), null), p.GetValue(limit), p.GetValue(json), cancel);
            Console.Error.WriteLine("--limit is from 1 to 100000.");
            return Task.FromResult(ExitCodes.Usage);
        });
        return command;
    }

    private static Task<int> EventsAsync(long? after, EventFilter filter, int limit, bool json, CancellationToken cancel) => VerbSettings.WithDatabaseAsync(async source =>
    {
        var list = new EventList(source);
        var events = after is { } from ? await list.ListAsync(from, limit, cancel) : Enumerable.Reverse(await list.NewestAsync(filter, limit, cancel)).ToList();
        Listing.Write(json, events, ["id", "received", "kind", "repository", "tag", "digest", "size", "by"], e =>
        [
            Text(e.Id), Display.Utc(e.ReceivedAt), e.Kind, e.Repository, e.Tag ?? "", e.Digest ?? "",
            e.Bytes is { } bytes ? Display.Bytes(bytes) : "unknown", e.Actor ?? "",
        ]);
        return ExitCodes.Success;
    });

    private static Command Intake()
    {
        var json = Json();
        var command = new Command("intake", "how notifications come in: the last, the rate, what was not understood, who sends") { json };
        command.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(async source =>
        {
            Listing.Write(p.GetValue(json), [await new IntakeReader(source).ReadAsync(cancel)], ["last event", "per minute", "quarantined", "divergent writes", "instances"], i =>
            [
                i.LastEventAt is { } at ? Display.Utc(at) : "none yet", i.EventsPerMinute.ToString("0.#", CultureInfo.InvariantCulture), Text(i.Quarantined), Text(i.DivergentWrites),
                string.Join(", ", i.Instances.Select(r => r.Id)),
            ]);
            return ExitCodes.Success;
        }));
        return command;
    }

    private static Command Charts()
    {
        var (json, range) = (Json(), new Option<string>("--range") { Description = "hour, day or week", DefaultValueFactory = _ => "hour" });
        range.AcceptOnlyFromAmong([.. History.Ranges]);
        var command = new Command("charts", "lag, backlog, throughput and failures over the last hour, day or week") { range, json };
        command.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(async source =>
        {
            var chart = (await new History(source).ReadAsync(p.GetValue(range)!, TimeProvider.System.GetUtcNow(), cancel))!;
            if (p.GetValue(json))
                Listing.WriteJson(chart);
            else
                Listing.Write(false, ChartLines.Of(chart), ["", "newest", "highest", $"over the last {chart.Range}"], l => [l.Title, l.Newest, l.Highest, l.Sparkline(60)]);
            return ExitCodes.Success;
        }));
        return command;
    }

    private static Command Settings()
    {
        var json = Json();
        var command = new Command("settings", "every setting as it is read here, with where it comes from; no secret") { json };
        command.SetAction((p, _) =>
        {
            if (VerbSettings.Read() is not { } settings)
                return Task.FromResult(ExitCodes.Settings);
            Listing.Write(p.GetValue(json), settings.Shown, ["setting", "value", "from"], s => [s.Key, s.Value ?? "–", s.Source]);
            return Task.FromResult(ExitCodes.Success);
        });
        return command;
    }

    private static Command Repository()
    {
        var (json, name) = (Json(), new Argument<string>("name"));
        var show = new Command("show", "its state, what it waits for, and why it failed") { name, json };
        show.SetAction((p, cancel) => WithRowAsync(p.GetValue(name)!, (_, row) =>
        {
            Listing.Write(p.GetValue(json), [row], ["name", "state", "", "missing", "bytes", "last synced", "tries", "failed at", "failure"], r =>
            [
                r.Name, r.State, r.Paused ? "paused" : "", Text(r.MissingTags), Display.BytesWaiting(r.BytesWaiting, r.MissingTags),
                r.LastSyncedAt is { } at ? Display.Utc(at) : "never", Text(r.RetryCount), r.FailedReference ?? "", r.LastSyncFailure ?? "",
            ]);
            return Task.CompletedTask;
        }, cancel));
        return new Command("repository", "one repository") { show, Pause("pause", "(secondary) hold its sync; its events are taken in, and wait", true), Pause("resume", "(secondary) let its sync go on", false) };
    }

    private static Command Pause(string verb, string description, bool paused)
    {
        var name = new Argument<string>("name");
        var command = new Command(verb, description) { name };
        command.SetAction((p, cancel) => WithRowAsync(p.GetValue(name)!, async (source, row) =>
        {
            await new SyncState.Requests(source).PauseOneAsync(row.Name, paused, Shell.User, cancel);
            await Console.Error.WriteLineAsync(paused ? $"{row.Name} is paused; what has begun is finished." : $"{row.Name} goes on.");
        }, cancel));
        return command;
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
            Listing.Write(p.GetValue(json), await new WorkerList(source).ListAsync(cancel), ["node", "in hand", "slots", "since", "lease", "repositories"], w =>
            [
                w.Node, Text(w.Started), Text(w.Slots), Display.Utc(w.StartedAt), w.LeaseSecondsLeft > 0 ? $"{Display.Age(w.LeaseSecondsLeft)} left" : "dead",
                string.Join(", ", w.Repositories),
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
