using System.CommandLine;
using System.Text.Json.Nodes;

namespace GeoDR.Lab.Tool.Bench;

/// <summary><c>geodr-lab bench [lag] [intake] [sync] [growth] [memory] [reconcile] [dashboards] [views] [--json FILE]</c>; without a name all of them run.</summary>
internal static class BenchCommand
{
    private static readonly string[] s_names = ["lag", "intake", "sync", "growth", "memory", "reconcile", "dashboards", "views"];

    public static Command Create()
    {
        var names = new Argument<string[]>("name") { Arity = ArgumentArity.ZeroOrMore, Description = "Which to run; all of them when none is named" };
        names.AcceptOnlyFromAmong(s_names);
        var json = new Option<FileInfo?>("--json") { Description = "Keep the figures, with the machine's facts, in this file" };
        var pushes = new Option<int>("--pushes") { Description = "lag: measured pushes; dashboards: of each burst (1,000 where not given)", DefaultValueFactory = _ => 100 };
        var repositories = new Option<int>("--repositories") { Description = "lag: repositories to backfill meanwhile; reconcile: in each registry, and then twice as many (20,000 where not given)", DefaultValueFactory = _ => 1000 };
        var over = new Option<int>("--over") { Description = "lag: seconds over which the pushes are spread", DefaultValueFactory = _ => 100 };
        var throttle = new Option<long>("--throttle") { Description = "lag: bytes per second of each connection between the sites; 0 is unlimited", DefaultValueFactory = _ => LagOptions.DefaultBytesPerSecond };
        var seconds = new Option<int>("--seconds") { Description = "intake: length of each measurement", DefaultValueFactory = _ => 10 };
        var runs = new Option<int>("--runs") { Description = "sync, growth: runs of each, of which the median is taken", DefaultValueFactory = _ => 3 };
        var data = new Option<string[]>("--data") { Description = "sync: only these of many-small, wide and big", AllowMultipleArgumentsPerToken = true };
        data.AcceptOnlyFromAmong("many-small", "wide", "big");
        var scale = new Option<double>("--scale") { Description = "sync: share of the full size of the data", DefaultValueFactory = _ => 1 };
        var drift = new Option<double>("--drift") { Description = "reconcile: share of the repositories that drifted", DefaultValueFactory = _ => 0.001 };
        var rate = new Option<int>("--rate") { Description = "reconcile: Geo:Reconcile:RequestsPerSecond; as many as can be had when 0", DefaultValueFactory = _ => 0 };
        var rows = new Option<int>("--rows") { Description = "views: repositories, up to 1,000,000", DefaultValueFactory = _ => 1_000_000 };
        var events = new Option<int>("--events") { Description = "views: events in the log", DefaultValueFactory = _ => 10_000_000 };
        var calls = new Option<int>("--calls") { Description = "views: calls of each view", DefaultValueFactory = _ => 200 };
        var database = new Option<string?>("--database") { Description = "views: connection string of a database that Views.sql has filled, to measure instead of a new one; it is changed" };
        var plans = new Option<FileInfo?>("--plans") { Description = "views: write what PostgreSQL did for each view, where that took 5 ms or more, into this file" };
        var seed = new Option<int>("--seed") { Description = "Decides every random choice", DefaultValueFactory = _ => 1 };
        var command = new Command("bench", "The benchmarks") { names, json, pushes, repositories, over, throttle, seconds, runs, data, scale, drift, rate, rows, events, calls, database, plans, seed };
        command.SetAction(async (parsed, token) =>
        {
            var chosen = parsed.GetValue(names) is { Length: > 0 } named ? named : s_names;
            var lag = new LagOptions
            {
                Pushes = parsed.GetValue(pushes),
                Repositories = parsed.GetValue(repositories),
                Over = TimeSpan.FromSeconds(parsed.GetValue(over)),
                BytesPerSecond = parsed.GetValue(throttle),
                Seed = parsed.GetValue(seed),
            };
            var intake = new IntakeOptions { Length = TimeSpan.FromSeconds(parsed.GetValue(seconds)) };
            var reconcile = new ReconcileOptions(
                parsed.GetResult(repositories) is { Implicit: false } ? lag.Repositories : 20_000, parsed.GetValue(drift), parsed.GetValue(rate), lag.Seed);
            var sync = new SyncOptions(parsed.GetValue(runs), parsed.GetValue(scale), parsed.GetValue(data) ?? []);
            var burst = parsed.GetResult(pushes) is { Implicit: false } ? lag.Pushes : 1000;
            var views = new ViewsOptions(parsed.GetValue(rows), parsed.GetValue(events), parsed.GetValue(calls), parsed.GetValue(database), parsed.GetValue(plans));
            return await RunAsync(chosen, lag, intake, sync, reconcile, burst, views, parsed.GetValue(json), token);
        });
        return command;
    }

    private static async Task<int> RunAsync(
        string[] chosen, LagOptions lag, IntakeOptions intake, SyncOptions sync, ReconcileOptions reconcile, int burst, ViewsOptions views, FileInfo? json, CancellationToken cancellationToken)
    {
        var figures = new JsonObject { ["machine"] = await MachineFacts.ReadAsync(cancellationToken) };
        try
        {
            if (chosen.Contains("lag"))
            {
                figures["lag"] = await new LagBench(lag).RunAsync(cancellationToken);
            }

            if (chosen.Contains("intake"))
            {
                figures["intake"] = await new IntakeBench(intake).RunAsync(cancellationToken);
            }

            if (chosen.Contains("sync"))
            {
                figures["sync"] = await new SyncBench(sync).RunAsync(cancellationToken);
            }

            if (chosen.Contains("growth"))
            {
                figures["growth"] = await GrowthBench.RunAsync(sync.Runs, cancellationToken);
            }

            if (chosen.Contains("memory"))
            {
                figures["memory"] = await MemoryBench.RunAsync(cancellationToken);
            }

            if (chosen.Contains("reconcile"))
            {
                figures["reconcile"] = await new ReconcileBench(reconcile).RunAsync(cancellationToken);
            }

            if (chosen.Contains("dashboards"))
            {
                figures["dashboards"] = await DashboardsBench.RunAsync(burst, cancellationToken);
            }

            if (chosen.Contains("views"))
            {
                figures["views"] = await new ViewsBench(views).RunAsync(cancellationToken);
            }

            return 0;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return 130;
        }
        catch (LabException e)
        {
            await Console.Error.WriteLineAsync($"bench: {e.Message}{(e.InnerException is { } inner ? "\n" + inner.Message : "")}");
            return 1;
        }
        finally
        {
            // What was measured before a failure is kept as well.
            if (json is not null)
            {
                await File.WriteAllTextAsync(json.FullName, figures.ToJsonString(new() { WriteIndented = true }) + "\n", CancellationToken.None);
            }
        }
    }
}
