using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace GeoDR.Lab.Tool.Bench;

/// <summary>What fifty open dashboards cost the secondary during a burst of pushes, and whether each shows the end of it.</summary>
internal sealed class DashboardsBench(int pushes) : IAsyncDisposable
{
    private const int Circuits = 45;
    private const int Tabs = 5;

    private static readonly string[] s_pages = ["/", "/?state=pending", "/sites", "/events", "/charts", "/failures", "/workers", "/audit", "/failover"];
    // What was busy just now is still being compiled better for a while.
    private static readonly TimeSpan s_settle = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_idle = TimeSpan.FromSeconds(30);

    private readonly List<DashboardCircuit> _circuits = [];
    private DashboardSession? _session;
    private DashboardTabs? _tabs;
    private int _synced;

    private sealed record Phase(string Name, double IdleCpu, double BurstCpu, double BurstSeconds, long Memory);

    public static async Task<JsonObject> RunAsync(int pushes, CancellationToken cancellationToken)
    {
        await using var sites = await TwoSites.StartAsync(new() { Progress = Say }, cancellationToken);
        // Ends first: the browser writes below the sites' directory.
        await using var bench = new DashboardsBench(pushes);
        return await bench.MeasureAsync(sites, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var circuit in _circuits)
        {
            await circuit.DisposeAsync();
        }

        if (_tabs is not null)
        {
            await _tabs.DisposeAsync();
        }

        _session?.Dispose();
    }

    private async Task<JsonObject> MeasureAsync(TwoSites sites, CancellationToken cancellationToken)
    {
        await using var watch = new SyncWatch(sites.Secondary.ConnectionString);
        Say("warming up");
        await BurstAsync(sites, watch, "warm", pushes / 5, cancellationToken);
        var none = await PhaseAsync(sites, watch, "none", cancellationToken);
        await OpenAsync(sites, cancellationToken);
        var before = _circuits.ConvertAll(c => c.Batches);
        var open = await PhaseAsync(sites, watch, $"{Circuits + Tabs}", cancellationToken);
        var missed = await MissedAsync(before, cancellationToken);

        var table = new Table().AddColumns("open", "idle: CPU s/min", "burst: CPU s", "seconds", "memory after", "miss the end");
        foreach (var (phase, late) in new[] { (none, 0), (open, missed.Count) })
        {
            table.AddRow(phase.Name, Text(phase.IdleCpu), Text(phase.BurstCpu), Text(phase.BurstSeconds), $"{phase.Memory >> 20} MiB", $"{late}");
        }

        AnsiConsole.Write(table);
        if (missed.Count > 0)
        {
            throw new LabException($"{missed.Count} of {Circuits + Tabs} pages do not show the end: {string.Join("; ", missed)}");
        }

        return new()
        {
            ["pushes"] = pushes,
            ["batches"] = _circuits.Zip(before, (c, b) => c.Batches - b).Sum(),
            ["phases"] = new JsonArray([.. new[] { none, open }.Select(p => new JsonObject
            {
                ["open"] = p.Name,
                ["idle_cpu_seconds_per_minute"] = Math.Round(p.IdleCpu, 2),
                ["burst_cpu_seconds"] = Math.Round(p.BurstCpu, 2),
                ["burst_seconds"] = Math.Round(p.BurstSeconds, 1),
                ["memory_bytes"] = p.Memory,
            })]),
        };
    }

    private async Task<Phase> PhaseAsync(TwoSites sites, SyncWatch watch, string name, CancellationToken cancellationToken)
    {
        var serve = sites.Secondary.Geo.Serve!;
        Say($"idle with {name} open");
        await Task.Delay(s_settle, cancellationToken);
        var idle = new ProcessorTime([serve]);
        await Task.Delay(s_idle, cancellationToken);
        var idleCpu = idle.Spent() / s_idle * 60;
        Say($"{pushes} pushes with {name} open");
        var burst = new ProcessorTime([serve]);
        var time = Stopwatch.StartNew();
        await BurstAsync(sites, watch, $"burst{name}", pushes, cancellationToken);
        return new(name, idleCpu, burst.Spent().TotalSeconds, time.Elapsed.TotalSeconds, Process.GetProcessById(serve.Id).WorkingSet64);
    }

    private async Task BurstAsync(TwoSites sites, SyncWatch watch, string prefix, int count, CancellationToken cancellationToken)
    {
        await Parallel.ForEachAsync(
            Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = cancellationToken },
            async (n, token) => await sites.Primary.Pusher.PushAsync($"{prefix}/r{n:0000}", "v1", new ImageSpec(ImageKind.Oci, n, new LayerSpec(n % 10, 2048)), token));
        _synced += count;
        await Wait.UntilAsync(
            async token => (await watch.ReadAsync(token)).IsQuiet && await watch.SyncedAsync(token) == _synced,
            TimeSpan.FromMinutes(5), () => $"not all synced\n{sites.Secondary.Geo.Serve?.LogTail(30)}", cancellationToken);
    }

    private async Task OpenAsync(TwoSites sites, CancellationToken cancellationToken)
    {
        Say($"opening {Circuits} circuits and {Tabs} pages in a browser");
        _session = await DashboardSession.SignInAsync(sites.Secondary.Geo.Url, TwoSites.AdminUser, sites.AdminPassword, cancellationToken);
        for (var n = 0; n < Circuits; n++)
        {
            _circuits.Add(await DashboardCircuit.OpenAsync(_session, s_pages[n % s_pages.Length], cancellationToken));
        }

        _tabs = await DashboardTabs.StartAsync(sites.Directory.PathOf("chromium"), cancellationToken);
        for (var n = 0; n < Tabs; n++)
        {
            await _tabs.OpenAsync(_session, s_pages[n], cancellationToken);
        }
    }

    /// <summary>The pages that do not come to show the last state within 10 seconds: what a person would never see.</summary>
    private async Task<List<string>> MissedAsync(List<int> before, CancellationToken cancellationToken)
    {
        var end = string.Create(CultureInfo.InvariantCulture, $"Repositories: {_synced:N0} synced, 0 started, 0 pending, 0 failed");
        var missed = new List<string>();
        var time = Stopwatch.StartNew();
        do
        {
            await Task.Delay(TimeSpan.FromMilliseconds(250), cancellationToken);
            missed.Clear();
            missed.AddRange(_circuits.Select((c, n) => (c, n)).Where(x => !x.c.HasShown(end, before[x.n])).Select(x => $"circuit {x.n} of {s_pages[x.n % s_pages.Length]} {x.c.Failure}"));
            var shown = await _tabs!.EvaluateAsync("document.querySelector('[data-testid=state-bar]')?.getAttribute('aria-label')", cancellationToken);
            missed.AddRange(shown.Where(s => s != end).Select(s => $"a page of the browser shows “{s}”"));
        }
        while (missed.Count > 0 && time.Elapsed < TimeSpan.FromSeconds(10));
        return missed;
    }

    private static void Say(string what) => Console.Error.WriteLine($"dashboards: {what}");

    private static string Text(double value) => value.ToString("0.0", CultureInfo.InvariantCulture);
}
