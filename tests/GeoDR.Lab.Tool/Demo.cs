using System.Diagnostics;
using System.Globalization;
using Spectre.Console;

namespace GeoDR.Lab.Tool;

/// <summary>The main job, from nothing to images at the secondary.</summary>
internal sealed class Demo(bool check)
{
    private static readonly TimeSpan s_arrival = TimeSpan.FromSeconds(60);

    private readonly Stopwatch _watch = Stopwatch.StartNew();

    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        await using var only = Hold(DirectoryOfDemo());
        await using var directory = LabDirectory.At(Path.Combine(DirectoryOfDemo(), "run"), keep: true);
        Say($"data and logs: {directory.Root}");
        await using var sites = await TwoSites.StartAsync(
            new TwoSitesOptions { Directory = directory, PortsByName = PortsOf(), Progress = Say, Fsync = true, Verification = true, CopySchema = false },
            cancellationToken);
        await using var docker = await DockerAsync(directory, cancellationToken);

        Say("making images");
        var images = await DemoImages.PrepareAsync(sites, docker, cancellationToken);
        var arrived = 0;
        foreach (var image in images)
        {
            arrived += await PushAsync(sites, image, cancellationToken) ? 1 : 0;
        }

        var difference = await sites.CompareAsync(hashBlobs: true, cancellationToken: cancellationToken);
        var whole = arrived == images.Count && difference.IsEmpty;
        Say(whole
            ? $"all {images.Count} images are at {sites.Secondary.Name}, digest by digest, every blob hashed again"
            : $"{arrived} of {images.Count} images arrived\n{difference}");
        if (!check)
        {
            await StayAsync(sites, cancellationToken);
            return whole ? 0 : 1;
        }

        return whole ? 0 : 1;
    }

    private static string DirectoryOfDemo() =>
        Environment.GetEnvironmentVariable("GEODR_DEMO_DIR") is { Length: > 0 } set
            ? Path.GetFullPath(set)
            : Path.Combine(GeoProgram.RepositoryRoot(), ".geodr");

    private static FileStream Hold(string directory)
    {
        Directory.CreateDirectory(directory);
        try
        {
            return new FileStream(Path.Combine(directory, "demo.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            throw new LabException($"another demo runs in {directory}; set GEODR_DEMO_DIR to run a second one beside it");
        }
    }

    /// <summary>GEODR_DEMO_PORT_BERLIN, _MADRID, _BERLIN_REGISTRY, _MADRID_REGISTRY; else the usual ones, or free ones where those are taken.</summary>
    private static Dictionary<string, int> PortsOf() => new Dictionary<string, int>
    {
        [TwoSites.PrimaryName] = 8081,
        [TwoSites.SecondaryName] = 8082,
        [TwoSites.PrimaryName + "-registry"] = 5001,
        [TwoSites.SecondaryName + "-registry"] = 5002,
    }.ToDictionary(p => p.Key, p =>
    {
        var variable = "GEODR_DEMO_PORT_" + p.Key.ToUpperInvariant().Replace('-', '_');
        return Environment.GetEnvironmentVariable(variable) is { Length: > 0 } set
            ? int.TryParse(set, NumberStyles.None, CultureInfo.InvariantCulture, out var port) ? port : throw new LabException($"{variable}={set} is no port")
            : Ports.FreeOr(p.Value);
    });

    /// <summary>An engine that runs already. GEODR_DEMO_DOCKER=start starts one for the demo, GEODR_DEMO_DOCKER=no does without.</summary>
    private static async Task<DockerEngine?> DockerAsync(LabDirectory directory, CancellationToken cancellationToken)
    {
        var path = directory.PathOf("docker");
        return Environment.GetEnvironmentVariable("GEODR_DEMO_DOCKER") switch
        {
            "no" => null,
            "start" => await DockerEngine.StartAsync(path, cancellationToken),
            _ => await DockerEngine.FindAsync(path, cancellationToken),
        };
    }

    private async Task<bool> PushAsync(TwoSites sites, DemoImage image, CancellationToken cancellationToken)
    {
        await image.PushAsync(cancellationToken);
        var pushed = Stopwatch.GetTimestamp();
        var digest = await sites.Primary.Client.ResolveAsync(image.Repository, image.Tag, cancellationToken)
            ?? throw new LabException($"{image.Name} was pushed and is not at the primary");
        Say($"pushed   {image.Name}  {digest[..19]}…  {image.What}");
        try
        {
            await Wait.UntilAsync(
                async token => await sites.Secondary.Client.ResolveAsync(image.Repository, image.Tag, token) == digest,
                s_arrival,
                () => $"{image.Name} did not arrive at {sites.Secondary.Name}\n{sites.Secondary.Geo.Serve?.LogTail(40)}",
                cancellationToken);
            Say(string.Create(CultureInfo.InvariantCulture, $"synced   {image.Name}  {Stopwatch.GetElapsedTime(pushed).TotalSeconds:0.00} s after the push"));
            return true;
        }
        catch (LabException e)
        {
            Say(e.Message);
            return false;
        }
    }

    private static async Task StayAsync(TwoSites sites, CancellationToken cancellationToken)
    {
        var table = new Table().AddColumns("site", "dashboard", "user", "password", "registry");
        foreach (var (site, role) in new[] { (sites.Primary, "primary"), (sites.Secondary, "secondary") })
        {
            table.AddRow($"{site.Name} ({role})", site.Geo.Url.AbsoluteUri, TwoSites.AdminUser, sites.AdminPassword, site.Registry.Host);
        }

        AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, 110);
        AnsiConsole.Write(table);
        Console.WriteLine($"""
            Push more:  docker login {sites.Primary.Registry.Host}   (user {TwoSites.Client.User}, password {TwoSites.Client.Password})
                        docker push {sites.Primary.Registry.Host}/name:tag
            Ctrl-C ends both sites.
            """);
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            Console.WriteLine("stopping both sites");
        }
    }

    private void Say(string what) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{_watch.Elapsed.TotalSeconds,6:0.0} s  {what}"));
}
