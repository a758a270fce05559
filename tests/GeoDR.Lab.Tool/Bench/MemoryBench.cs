using System.Globalization;
using System.Text.Json.Nodes;
using GeoDR.Lab.Faults;
using Spectre.Console;

namespace GeoDR.Lab.Tool.Bench;

/// <summary>Many large layers at once into a slow registry: what a process needs does not grow with the layers.</summary>
internal sealed class MemoryBench
{
    private const int Layers = 32;
    private const long Limit = 300L << 20;
    private const long BytesPerSecond = 2_000_000;

    public static async Task<JsonObject> RunAsync(CancellationToken cancellationToken)
    {
        var table = new Table().AddColumns("layers", "bytes", "limit", "peak", "seconds");
        var figures = new JsonObject();
        foreach (var mebibytes in new[] { 128, 256 })
        {
            var (peak, seconds) = await MeasureAsync((long)mebibytes << 20, cancellationToken);
            table.AddRow($"{Layers} × {mebibytes} MiB", $"{(long)Layers * mebibytes} MiB", $"{Limit >> 20} MiB", $"{peak >> 20} MiB", seconds.ToString("0", CultureInfo.InvariantCulture));
            figures[$"{Layers} x {mebibytes} MiB"] = new JsonObject { ["peak_bytes"] = peak, ["limit_bytes"] = Limit, ["seconds"] = Math.Round(seconds, 1) };
        }

        AnsiConsole.Write(table);
        return figures;
    }

    private static async Task<(long Peak, double Seconds)> MeasureAsync(long size, CancellationToken cancellationToken)
    {
        Console.Error.WriteLine($"memory: pushing {Layers} layers of {size >> 20} MiB");
        using var group = MemoryGroup.Create($"geodr-bench-{Environment.ProcessId}", Limit);
        FaultProxy? line = null;
        await using var sites = await TwoSites.StartAsync(
            new()
            {
                CreateAdmin = false,
                StartServe = false,
                Links = links =>
                {
                    line = FaultProxy.Start("127.0.0.1", links.SecondaryRegistry.Port);
                    return Task.FromResult(links with { SecondaryRegistry = line.Url });
                },
                Configure = site => site.Set("Sync:Workers", $"{Layers}").Set("Sync:ConnectionsPerRegistry", $"{2 * Layers}"),
            },
            cancellationToken);
        await using var proxy = line!;
        await sites.Primary.Geo.StartServeAsync(cancellationToken: cancellationToken);
        await Parallel.ForEachAsync(
            Enumerable.Range(0, Layers), new ParallelOptions { MaxDegreeOfParallelism = 2, CancellationToken = cancellationToken },
            async (n, token) => await sites.Primary.Pusher.PushAsync($"memory/r{n}", "v1", new ImageSpec(ImageKind.Oci, size + n, new LayerSpec(size + n, size)), token));
        Console.Error.WriteLine("memory: the secondary copies them");
        proxy.BytesPerSecond = BytesPerSecond;
        sites.Secondary.Geo.MemoryGroup = group;
        var watch = System.Diagnostics.Stopwatch.StartNew();
        await sites.Secondary.Geo.StartServeAsync(cancellationToken: cancellationToken);
        await using var standing = new SyncWatch(sites.Secondary.ConnectionString);
        await Wait.UntilAsync(
            async token => (await standing.ReadAsync(token)).IsQuiet && await standing.SyncedAsync(token) >= Layers,
            TimeSpan.FromSeconds(30 + (4 * size * Layers / 16 / BytesPerSecond)), () => $"not all synced\n{sites.Secondary.Geo.Serve?.LogTail(30)}", cancellationToken);
        return (MemoryGroup.PeakOf(sites.Secondary.Geo.Serve!.Id), watch.Elapsed.TotalSeconds);
    }
}
