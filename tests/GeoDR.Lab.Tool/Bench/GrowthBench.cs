using System.Globalization;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace GeoDR.Lab.Tool.Bench;

/// <summary>One tag pushed into repositories of more and more tags: what it costs must stay the same.</summary>
internal static class GrowthBench
{
    private static readonly int[] s_tags = [10, 100, 1000, 10_000];

    public static async Task<JsonObject> RunAsync(int runs, CancellationToken cancellationToken)
    {
        Console.Error.WriteLine($"growth: filling repositories of {string.Join(", ", s_tags)} tags");
        await using var lab = await SyncLab.StartAsync(new SyncData("growth", []), cancellationToken);
        foreach (var count in s_tags)
        {
            var image = await lab.Pusher.PushAsync(Name(count), "v0", ImageSpec.Random(ImageKind.Oci, count, layers: 1), cancellationToken);
            var manifest = (await lab.Pusher.Client.GetManifestAsync(image.Repository, "v0", cancellationToken))!;
            await Parallel.ForEachAsync(
                Enumerable.Range(1, count - 1), new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = cancellationToken },
                async (n, token) => await lab.Pusher.PutManifestAsync(image.Repository, $"v{n}", manifest.MediaType, manifest.Bytes, token));
        }

        await lab.NewTargetAsync(withGeoDr: true, cancellationToken);
        await lab.ResyncAsync(cancellationToken);
        var table = new Table().AddColumns("tags", "seconds", "requests", "source", "target");
        var figures = new JsonObject();
        foreach (var count in s_tags)
        {
            var costs = new List<SyncCost>();
            for (var run = 0; run < runs; run++)
            {
                var pushed = await lab.Pusher.PushAsync(Name(count), $"new{run}", ImageSpec.Random(ImageKind.Oci, 100_000 + count + run, layers: 1), cancellationToken);
                costs.Add(await lab.FollowAsync(pushed.Repository, $"new{run}", pushed.Digest, cancellationToken));
            }

            var median = costs.OrderBy(c => c.Seconds).ElementAt(costs.Count / 2);
            table.AddRow($"{count}", median.Seconds.ToString("0.000", CultureInfo.InvariantCulture), $"{median.Requests}", $"{median.SourceRequests}", $"{median.TargetRequests}");
            figures[$"{count}"] = new JsonObject { ["seconds"] = Math.Round(median.Seconds, 3), ["requests"] = median.Requests };
        }

        AnsiConsole.Write(table);
        return figures;
    }

    private static string Name(int tags) => $"growth/t{tags}";
}
