using System.Globalization;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace GeoDR.Lab.Tool.Bench;

/// <param name="Scale">1 is the full size of every data set.</param>
/// <param name="Data">The names of the data sets to take; all where none is named.</param>
internal sealed record SyncOptions(int Runs, double Scale, IReadOnlyList<string> Data);

/// <summary>GeoDR beside <c>skopeo sync --all</c> on the same registries: first copy, nothing changed, one tag pushed. Medians.</summary>
internal sealed class SyncBench(SyncOptions options)
{
    private readonly Table _table = new Table().AddColumns("data", "step", "tool", "seconds", "requests", "source", "target", "of skopeo's time");
    private readonly JsonObject _figures = [];

    public async Task<JsonObject> RunAsync(CancellationToken cancellationToken)
    {
        foreach (var data in new[] { SyncData.ManySmall(options.Scale), SyncData.Wide(options.Scale), SyncData.Big(options.Scale) })
        {
            if (options.Data.Count == 0 || options.Data.Contains(data.Name))
            {
                await RunAsync(data, cancellationToken);
            }
        }

        AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, 120);
        AnsiConsole.Write(_table);
        return _figures;
    }

    private async Task RunAsync(SyncData data, CancellationToken cancellationToken)
    {
        Console.Error.WriteLine($"sync: filling a registry with {data.Name}: {data.Images.Count} images");
        await using var lab = await SyncLab.StartAsync(data, cancellationToken);
        var steps = new Dictionary<(string Step, string Tool), List<SyncCost>>();
        for (var run = 0; run < options.Runs; run++)
        {
            Console.Error.WriteLine($"sync: {data.Name}, run {run + 1} of {options.Runs}");
            await lab.NewTargetAsync(withGeoDr: true, cancellationToken);
            Add("first copy", "geodr", await lab.ResyncAsync(cancellationToken));
            Add("nothing changed", "geodr", await lab.ResyncAsync(cancellationToken));
            var (repository, _, _) = data.Images[0];
            var tag = $"new-{run}";
            var pushed = await lab.Pusher.PushAsync(repository, tag, ImageSpec.Random(ImageKind.Oci, 9_000_000 + run, layers: 1), cancellationToken);
            Add("one tag pushed", "geodr", await lab.FollowAsync(repository, tag, pushed.Digest, cancellationToken));

            await lab.NewTargetAsync(withGeoDr: false, cancellationToken);
            Add("first copy", "skopeo", await lab.SkopeoAsync(data, cancellationToken));
            Add("nothing changed", "skopeo", await lab.SkopeoAsync(data, cancellationToken));
            await lab.Pusher.PushAsync(repository, tag + "-too", ImageSpec.Random(ImageKind.Oci, 9_500_000 + run, layers: 1), cancellationToken);
            Add("one tag pushed", "skopeo", await lab.SkopeoAsync(data, cancellationToken));
            if (data.Name == "big")
            {
                await lab.NewTargetAsync(withGeoDr: false, cancellationToken);
                Add("first copy", "curl", await lab.CurlAsync(data, await BlobsAsync(lab, data, cancellationToken), cancellationToken));
            }
        }

        var figures = new JsonObject();
        foreach (var ((step, tool), costs) in steps)
        {
            var median = Median(costs);
            var skopeo = steps.TryGetValue((step, "skopeo"), out var theirs) ? Median(theirs).Seconds : double.NaN;
            _table.AddRow(
                data.Name, step, tool, median.Seconds.ToString("0.00", CultureInfo.InvariantCulture), $"{median.Requests}", $"{median.SourceRequests}", $"{median.TargetRequests}",
                (median.Seconds / skopeo).ToString("0.00", CultureInfo.InvariantCulture));
            figures[$"{step}, {tool}"] = new JsonObject
            {
                ["seconds"] = Math.Round(median.Seconds, 3), ["source_requests"] = median.SourceRequests, ["target_requests"] = median.TargetRequests,
            };
        }

        _figures[data.Name] = figures;

        void Add(string step, string tool, SyncCost cost)
        {
            if (!steps.TryGetValue((step, tool), out var costs))
            {
                steps[(step, tool)] = costs = [];
            }

            costs.Add(cost);
        }
    }

    private static SyncCost Median(List<SyncCost> costs) => costs.OrderBy(c => c.Seconds).ElementAt(costs.Count / 2);

    private static async Task<IReadOnlyList<(string Repository, string Digest)>> BlobsAsync(SyncLab lab, SyncData data, CancellationToken cancellationToken)
    {
        var blobs = new HashSet<(string, string)>();
        foreach (var (repository, tag, _) in data.Images)
        {
            var manifest = JsonNode.Parse((await lab.Pusher.Client.GetManifestAsync(repository, tag, cancellationToken))!.Bytes)!;
            foreach (var layer in manifest["layers"]!.AsArray())
            {
                blobs.Add((repository, (string)layer!["digest"]!));
            }
        }

        return [.. blobs];
    }
}
