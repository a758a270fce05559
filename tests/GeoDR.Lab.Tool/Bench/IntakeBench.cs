using System.Globalization;
using System.Text.Json.Nodes;
using Npgsql;
using Spectre.Console;

namespace GeoDR.Lab.Tool.Bench;

/// <summary>The intake beside pgbench, in the same run: what GeoDR adds to a commit, and what it gains by gathering.</summary>
internal sealed class IntakeBench(IntakeOptions options)
{
    private static readonly TimeSpan s_warmUp = TimeSpan.FromSeconds(2);

    private sealed record Row(int Senders, SenderResult Intake, SenderResult PgBench, double MicrosecondsOfCpu);

    /// <exception cref="LabException">The database is not set up to keep what it commits, or lost an event that was answered 200.</exception>
    public async Task<JsonObject> RunAsync(CancellationToken cancellationToken)
    {
        await using var sites = await TwoSites.StartAsync(
            new TwoSitesOptions { Fsync = true, CreateAdmin = false, StartServe = false, Progress = Console.Error.WriteLine }, cancellationToken);
        var primary = sites.Primary;
        await RequireDurableAsync(primary, cancellationToken);
        await primary.Geo.StartServeAsync(cancellationToken: cancellationToken);
        var sender = new IntakeSender(sites.Links.PrimaryNotifications, primary.Geo.Settings["Geo__Notifications__Secrets__0"]);
        var pgbench = new PgBench(primary.Postgres, sites.Directory.PathOf("pgbench"));
        await sender.RunAsync(8, s_warmUp, "bench/warm", cancellationToken);
        var rows = new List<Row>();
        foreach (var senders in options.Senders)
        {
            Console.Error.WriteLine($"{senders} senders: pgbench, then the intake, {options.Length.TotalSeconds:0} s each");
            var beside = await pgbench.RunAsync(senders, options.Length, cancellationToken);
            await sender.RunAsync(senders, s_warmUp, $"bench/warm{senders}", cancellationToken);
            var cpu = new ProcessorTime([primary.Geo.Serve!]);
            var measured = await sender.RunAsync(senders, options.Length, $"bench/s{senders}", cancellationToken);
            var spent = cpu.Spent();
            await RequireAllKeptAsync(primary, $"bench/s{senders}/%", measured, cancellationToken);
            rows.Add(new Row(senders, measured, beside, spent.TotalMicroseconds / Math.Max(1, measured.Milliseconds.Count)));
        }

        Print(rows);
        return new JsonObject { ["seconds"] = options.Length.TotalSeconds, ["senders"] = new JsonArray([.. rows.Select(ToJson)]) };
    }

    private static async Task RequireDurableAsync(Site site, CancellationToken cancellationToken)
    {
        var settings = await ScalarAsync<string>(site, "select current_setting('fsync') || ' ' || current_setting('synchronous_commit')", cancellationToken);
        if (settings != "on on")
        {
            throw new LabException($"fsync and synchronous_commit are {settings}");
        }
    }

    private static async Task RequireAllKeptAsync(Site site, string repositories, SenderResult sent, CancellationToken cancellationToken)
    {
        var kept = await ScalarAsync<long>(site, $"select count(*) from event where repository like '{repositories}'", cancellationToken);
        if (kept < sent.Milliseconds.Count)
        {
            throw new LabException($"{sent.Milliseconds.Count} events were answered 200 and {kept} are in the log");
        }
    }

    private static async Task<T> ScalarAsync<T>(Site site, string sql, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(site.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static void Print(List<Row> rows)
    {
        var table = new Table().Title("Intake beside pgbench").AddColumns("senders", "", "per second", "p50 ms", "p99 ms", "worst ms", "not 200");
        foreach (var row in rows)
        {
            foreach (var (name, result) in new[] { ("intake", row.Intake), ("pgbench", row.PgBench) })
            {
                var times = new Times(result.Milliseconds);
                table.AddRow($"{row.Senders}", name, Text(Rate(result)), Text(times.Median), Text(times.P99), Text(times.Worst), $"{result.Refused}");
            }

            var (rate, added) = Compare(row);
            table.AddRow("", "intake to pgbench", $"× {Text(rate)}", added.ToString("+0.00;-0.00", CultureInfo.InvariantCulture), "", "", "");
            table.AddRow("", $"geodr's processor time: {row.MicrosecondsOfCpu:0} µs an event");
        }

        AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, 110);
        AnsiConsole.Write(table);
    }

    private static JsonNode ToJson(Row row)
    {
        var (rate, added) = Compare(row);
        return new JsonObject
        {
            ["senders"] = row.Senders,
            ["intake"] = ToJson(row.Intake),
            ["pgbench"] = ToJson(row.PgBench),
            ["rate_ratio"] = Times.Rounded(rate),
            ["median_added_ms"] = Times.Rounded(added),
            ["processor_us_per_event"] = Times.Rounded(row.MicrosecondsOfCpu),
        };
    }

    private static JsonObject ToJson(SenderResult result)
    {
        var json = new Times(result.Milliseconds).ToJson();
        json["per_second"] = Times.Rounded(Rate(result));
        json["not_200"] = result.Refused;
        return json;
    }

    private static (double Rate, double AddedMedian) Compare(Row row) =>
        (Rate(row.Intake) / Rate(row.PgBench), new Times(row.Intake.Milliseconds).Median - new Times(row.PgBench.Milliseconds).Median);

    private static double Rate(SenderResult result) => result.Milliseconds.Count / result.Seconds;

    private static string Text(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
}
