using System.CommandLine;

namespace GeoDR.Lab.Tool;

/// <summary><c>geodr-lab soak drill</c>: two sites with so many repositories, a drill of all of them, then one over damage that was put into the storage.</summary>
internal static class DrillCommand
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromMinutes(10);

    public static Command Create()
    {
        var count = new Option<int>("--count") { Description = "Repositories", DefaultValueFactory = _ => 200 };
        var command = new Command("drill", "a drill of a whole site, and one over damaged storage: both reports on stdout") { count };
        command.SetAction((parsed, token) => RunAsync(parsed.GetValue(count), token));
        return command;
    }

    private static async Task<int> RunAsync(int count, CancellationToken cancel)
    {
        await using var sites = await TwoSites.StartAsync(new() { Progress = Console.Error.WriteLine, Configure = s => s.Set("Drill:BytesPerSecond", "unlimited") }, cancel);
        await Console.Error.WriteLineAsync($"pushing {count} repositories");
        var images = new PushedImage[count];
        await Parallel.ForEachAsync(Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = cancel }, async (n, token) =>
        {
            // A base that ten images share, a layer of their own, every fourth for two platforms; a second tag here and there.
            var image = new ImageSpec(n % 4 == 3 ? ImageKind.OciIndex : n % 4 == 2 ? ImageKind.Docker : ImageKind.Oci, n + 1, new LayerSpec(9_000_000 + n / 10, 400_000), new LayerSpec(n * 1000, 20_000 + n * 500));
            var name = $"team-{n % 7}/service-{n:000}";
            images[n] = await sites.Primary.Pusher.PushAsync(name, "v1", image, token);
            if (n % 3 == 0)
                await sites.Primary.Pusher.PushAsync(name, "v2", image with { Seed = n + 5000 }, token);
        });
        await sites.WaitUntilEqualAsync(s_deadline, cancellationToken: cancel);
        var geo = sites.Secondary.Geo;
        await Wait.UntilAsync(
            async _ => (await geo.RunAsync("preflight")).Output.Contains("pass  rows", StringComparison.Ordinal), s_deadline, () => geo.Serve?.LogTail(30) ?? "", cancel);
        Console.WriteLine((await geo.RunAsync("preflight")).Output);
        Console.WriteLine((await geo.RunAsync(["drill", "--repositories", "all"], null, cancel)).EnsureSuccess().Output);

        // One bit, and one file, behind the registry's back.
        var (bit, file) = (images[count / 3], images[count / 2]);
        var damaged = Data(bit.Blobs[^1]);
        var bytes = await File.ReadAllBytesAsync(damaged, cancel);
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(damaged, bytes, cancel);
        File.Delete(Data(file.Blobs[^1]));
        var found = await geo.RunAsync(["drill", "--repositories", "all"], null, cancel);
        Console.WriteLine(found.Output);
        var seen = found.ExitCode == 1 && new[] { bit, file }.All(i => found.Output.Contains($"- {i.Repository}:", StringComparison.Ordinal));
        Console.WriteLine(seen ? "Both kinds of damage were found." : "NOT FOUND");
        return seen ? 0 : 1;

        string Data(string digest) =>
            Path.Combine(sites.Secondary.Registry.StorageDirectory, "docker/registry/v2/blobs/sha256", digest[7..9], digest[7..], "data");
    }
}
