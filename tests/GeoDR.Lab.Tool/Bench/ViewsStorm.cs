using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using GeoDR.Lab.Registries;
using Spectre.Console;

namespace GeoDR.Lab.Tool.Bench;

/// <summary>
/// "Resync all" over the whole list: how long the marking takes, how many repositories are synced in a second while it runs and after it,
/// and how long a push takes to the secondary's registry meanwhile, against a site that has nothing else to do.
/// </summary>
internal sealed class ViewsStorm(ViewsLab lab, HttpClient http)
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_each = TimeSpan.FromSeconds(60);

    private readonly Table _table = new Table().AddColumns("phase", "seconds", "marked a second", "synced a second", "pushes", "push to synced: median", "p99", "worst");
    private int _pushes;

    public async Task<JsonObject> RunAsync(CancellationToken cancellationToken)
    {
        // Nothing waits and nothing has failed: what is measured is the resync.
        await lab.ExecuteAsync("""
            delete from waiting_reference; delete from failure; delete from waiting_deletion;
            update repository set state = 2, full_done = full_wanted, retry_at = null, pending_since = null, paused = false, last_synced_at = coalesce(last_synced_at, now()) where state <> 2 or paused
            """, cancellationToken);
        await lab.ExecuteAsync("vacuum analyze repository", cancellationToken);
        await CallAsync("/api/v1/resume", null, cancellationToken);
        var figures = new JsonObject { ["idle"] = await PhaseAsync("idle", null, cancellationToken) };
        var location = await CallAsync("/api/v1/repositories/resync", new { all = true }, cancellationToken);
        figures["marking"] = await PhaseAsync("marking", location, cancellationToken);
        figures["marked"] = await PhaseAsync("all marked", null, cancellationToken);
        AnsiConsole.Write(_table);
        return figures;
    }

    /// <param name="request">Pushes until this request is done; for a minute where there is none.</param>
    private async Task<JsonObject> PhaseAsync(string name, string? request, CancellationToken cancellationToken)
    {
        var (begun, synced) = (Stopwatch.GetTimestamp(), await SyncedAsync(cancellationToken));
        var times = new List<double>();
        var marked = 0L;
        var running = true;
        while (running)
        {
            times.Add(await PushAsync(cancellationToken));
            await Task.Delay(s_pause, cancellationToken);
            if (request is null)
            {
                running = Stopwatch.GetElapsedTime(begun) < s_each;
                continue;
            }

            var standing = JsonNode.Parse(await http.GetStringAsync(new Uri(request, UriKind.Relative), cancellationToken))!;
            (marked, running) = ((long)standing["marked"]!, (string?)standing["status"] == "running");
            if (_pushes % 20 == 0)
            {
                Console.Error.WriteLine($"views: {marked} marked after {Stopwatch.GetElapsedTime(begun).TotalSeconds:0} s, the last push took {times[^1]:0} ms");
            }
        }

        var seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        var (perSecond, measured) = ((await SyncedAsync(cancellationToken) - synced) / seconds, new Times(times));
        Console.Error.WriteLine($"views: {name}: {marked} marked in {seconds:0} s, {perSecond:0.0} synced a second, {times.Count} pushes, median {measured.Median:0} ms, p99 {measured.P99:0} ms");
        _table.AddRow(name, Text(seconds), Text(marked / seconds), Text(perSecond), $"{times.Count}", Text(measured.Median), Text(measured.P99), Text(measured.Worst));
        return new() { ["seconds"] = Math.Round(seconds, 1), ["marked"] = marked, ["synced_per_second"] = Math.Round(perSecond, 1), ["push_to_synced"] = measured.ToJson() };
    }

    /// <summary>One image into a repository of its own; milliseconds from the end of the push to its tag at the secondary.</summary>
    private async Task<double> PushAsync(CancellationToken cancellationToken)
    {
        var name = $"live/push-{_pushes++}";
        using var client = new HttpClient();
        await LabImage.Create(name, 2000).PushAsync(client, lab.PrimaryRegistry.Url, name, "v1", cancellationToken);
        var pushed = Stopwatch.GetTimestamp();
        var manifest = new Uri(lab.SecondaryRegistry.Url, $"/v2/{name}/manifests/v1");
        while (Stopwatch.GetElapsedTime(pushed) < s_each)
        {
            using var head = new HttpRequestMessage(HttpMethod.Head, manifest) { Headers = { { "Accept", LabMediaTypes.OciManifest } } };
            using var answer = await client.SendAsync(head, cancellationToken);
            if (answer.IsSuccessStatusCode)
            {
                return Stopwatch.GetElapsedTime(pushed).TotalMilliseconds;
            }

            await Task.Delay(10, cancellationToken);
        }

        throw new LabException($"{name} is not at the secondary after {s_each}\n{lab.Secondary.Serve?.LogTail(30)}");
    }

    private Task<long> SyncedAsync(CancellationToken cancellationToken) => lab.ScalarAsync<long>("select count(*) from attempt where ended_at > now() - interval '1 day' and outcome = 'synced'", cancellationToken);

    private async Task<string?> CallAsync(string path, object? body, CancellationToken cancellationToken)
    {
        using var answer = await http.PostAsJsonAsync(new Uri(path, UriKind.Relative), body, cancellationToken);
        return answer.IsSuccessStatusCode ? answer.Headers.Location?.ToString() : throw new LabException($"POST {path}: {(int)answer.StatusCode}");
    }

    private static string Text(double number) => number.ToString("0.0", CultureInfo.InvariantCulture);
}
