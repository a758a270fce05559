using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Spectre.Console;

namespace GeoDR.Lab.Tool.Bench;

/// <summary>Sizes of the views benchmark.</summary>
/// <param name="Rows">Repositories.</param>
/// <param name="Events">In the log.</param>
/// <param name="Calls">Of each view, one after the other.</param>
/// <param name="Database">Filled already; null to fill one.</param>
/// <param name="Plans">Takes the plans of the queries behind each view; null for none.</param>
internal sealed record ViewsOptions(int Rows, int Events, int Calls, string? Database, FileInfo? Plans);

/// <summary>Every page and every call of the API at a site of very many repositories; then "Resync all" over them, with pushes beside it.</summary>
internal sealed partial class ViewsBench(ViewsOptions options)
{
    private const int WarmUp = 10;

    public async Task<JsonObject> RunAsync(CancellationToken cancellationToken)
    {
        await using var lab = await ViewsLab.StartAsync(options, cancellationToken);
        using var http = await lab.SignedInAsync(cancellationToken);
        var figures = new JsonObject { ["rows"] = options.Rows, ["events"] = options.Events, ["views"] = await ViewsAsync(http, cancellationToken) };
        if (options.Plans is { } plans)
        {
            await PlansAsync(lab, http, plans, cancellationToken);
        }

        figures["resync all"] = await new ViewsStorm(lab, http).RunAsync(cancellationToken);
        return figures;
    }

    private async Task<JsonObject> ViewsAsync(HttpClient http, CancellationToken cancellationToken)
    {
        var table = new Table().AddColumns("view", "median", "p99", "worst", "bytes");
        var figures = new JsonObject();
        foreach (var path in await PathsAsync(http, cancellationToken))
        {
            var times = new List<double>();
            var bytes = 0;
            for (var call = -WarmUp; call < options.Calls; call++)
            {
                var start = Stopwatch.GetTimestamp();
                using var answer = await http.GetAsync(new Uri(path, UriKind.Relative), cancellationToken);
                bytes = (await answer.Content.ReadAsByteArrayAsync(cancellationToken)).Length;
                if (!answer.IsSuccessStatusCode)
                {
                    throw new LabException($"GET {path}: {(int)answer.StatusCode}");
                }

                if (call >= 0)
                {
                    times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                }
            }

            var measured = new Times(times);
            var shown = Shortened().Replace(path, "=…");
            Console.Error.WriteLine($"views: {shown} {measured.Median:0.0} ms");
            table.AddRow(Markup.Escape(shown), Text(measured.Median), Text(measured.P99), Text(measured.Worst), bytes.ToString("N0", CultureInfo.InvariantCulture));
            figures[shown] = measured.ToJson();
        }

        AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, 130);
        AnsiConsole.Write(table);
        return figures;
    }

    private async Task PlansAsync(ViewsLab lab, HttpClient http, FileInfo file, CancellationToken cancellationToken)
    {
        await using var text = file.CreateText();
        await lab.ExplainAsync(true, cancellationToken);
        foreach (var path in await PathsAsync(http, cancellationToken))
        {
            var from = lab.SecondaryDatabaseLog.Length;
            await http.GetByteArrayAsync(new Uri(path, UriKind.Relative), cancellationToken);
            await text.WriteAsync($"== GET {path}\n{lab.SecondaryDatabaseLog[from..]}\n");
        }

        await lab.ExplainAsync(false, cancellationToken);
    }

    private async Task<List<string>> PathsAsync(HttpClient http, CancellationToken cancellationToken)
    {
        var middle = ViewsLab.Name(options.Rows / 2);
        var row = JsonNode.Parse(await http.GetStringAsync(new Uri($"/api/v1/repositories?name={middle}", UriKind.Relative), cancellationToken))!["items"]![0]!["id"];
        // As a client that has gone through half of the list would have it.
        var half = Convert.ToBase64String(Encoding.UTF8.GetBytes($"name {row} {middle}")).TrimEnd('=').Replace('+', '-').Replace('/', '_');
        string[] lists =
        [
            "", $"after={half}", "state=failed", "state=pending", "state=synced", "sort=lastSynced", "sort=-lastSynced", "sort=waiting", "sort=-waiting", "sort=nextTry",
            "state=failed&sort=nextTry", "verification=failed", "verification=pending", "verification=succeeded", "cause=denied", "paused=true", "search=service", "search=0012",
            $"search={middle[^6..]}", "search=no-such-name", "search=12", "search=zq", "search=0012&sort=-lastSynced", "state=failed&search=0012&cause=denied",
        ];
        string[] others =
        [
            "status", "sites", $"repositories/{row}", $"repositories/{row}/tags", $"repositories/{row}/attempts", $"repositories/{row}/events", $"repositories/{row}/damage", "requests",
            "events", "events?kind=delete", $"events?repository={middle}", $"events?after={options.Events / 2}", "failures", "deletions", "quarantine", "divergent", "loss", "audit",
            $"audit?repository={middle}", "schedules", "workers", "charts?range=hour", "charts?range=day", "charts?range=week", "settings", "intake", "promote", "reports", "drill", "term", "alerts",
        ];
        string[] pages =
        [
            "/?before=end", "/sites", "/failures", "/events", $"/events?repository={middle}", "/deletions", "/failover", "/divergent", "/drill", "/schedules", "/workers", "/charts", "/alerts", "/quarantine",
            "/settings", "/audit", $"/repositories/{row}",
        ];
        return [.. lists.Select(l => $"/api/v1/repositories?{l}"), .. others.Select(o => $"/api/v1/{o}"), .. lists.Select(l => $"/?{l}"), .. pages, "/metrics"];
    }

    private static string Text(double milliseconds) => milliseconds.ToString("0.0", CultureInfo.InvariantCulture);

    [GeneratedRegex("(?<=after)=[A-Za-z0-9_-]{12,}")]
    private static partial Regex Shortened();
}
