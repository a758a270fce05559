using System.Text.RegularExpressions;
using GeoDR.Lab;
using GeoDR.Lab.Faults;
using GeoDR.Lab.Registries;

namespace GeoDR.Tests.Faults;

/// <summary>A large layer over a line that breaks every 20 MiB, the copying process killed twice on the way: it goes on.</summary>
[Trait("Category", "Slow")]
public sealed partial class ResumeTests(ITestOutputHelper output)
{
    /// <summary>Not much over the 512 MiB from which on a layer goes in parts.</summary>
    private const long Layer = 544L << 20;
    private const long CutEvery = 20L << 20;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public Task Layer_CutEvery20MiBAndKilledTwice_CostsATenthMoreAtMost() => CostsATenthMoreAtMostAsync(intoDistribution: false);

    /// <summary>Distribution 2.8 gives up an upload whose part was cut by the kill; how much that cost, the log says.</summary>
    [Fact(Explicit = true)]
    public Task Layer_CutAndKilled_IntoDistribution_CostsWhatTheLogSays() => CostsATenthMoreAtMostAsync(intoDistribution: true);

    private async Task CostsATenthMoreAtMostAsync(bool intoDistribution)
    {
        FaultProxy? line = null;
        await using var target = await LabRegistry.StartAsync();
        await using var sites = await TwoSites.StartAsync(
            new()
            {
                CreateAdmin = false,
                Lease = TimeSpan.FromSeconds(3),
                Links = links =>
                {
                    line = FaultProxy.Start("127.0.0.1", links.PrimaryRegistry.Port);
                    return Task.FromResult(links with
                    {
                        PrimaryRegistryFromSecondary = line.Url,
                        SecondaryRegistry = intoDistribution ? links.SecondaryRegistry : target.Url,
                    });
                },
            },
            Stop);
        await using var proxy = line!;
        proxy.CutAfter(ProxyDirection.ToClient, CutEvery, int.MaxValue);
        var image = await sites.Primary.Pusher.PushAsync("big/layer", "v1", new ImageSpec(ImageKind.Oci, 1, new LayerSpec(1, Layer)), Stop);
        foreach (var part in new[] { 0.3, 0.6 })
        {
            await Wait.UntilAsync(_ => Task.FromResult(proxy.BytesToClient > part * Layer), TimeSpan.FromSeconds(90), () => $"{proxy.BytesToClient} bytes\n{sites.Secondary.Geo.Serve?.LogTail(30)}", Stop);
            sites.Secondary.Geo.Kill();
            await sites.Secondary.Geo.StartServeAsync(cancellationToken: Stop);
        }

        using var client = new RegistryClient(target.Url);
        await Wait.UntilAsync(
            async token => await (intoDistribution ? sites.Secondary.Client : client).ResolveAsync(image.Repository, "v1", token) == image.Digest,
            TimeSpan.FromSeconds(120), () => $"{proxy.BytesToClient} bytes\n{sites.Secondary.Geo.Serve?.LogTail(30)}", Stop);
        var lost = Lost().Matches(sites.Secondary.Geo.Serve!.LogTail(1000)).Sum(m => long.Parse(m.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture));
        output.WriteLine($"{proxy.BytesToClient} bytes for a layer of {Layer}: {(double)proxy.BytesToClient / Layer:0.000}, over {proxy.Accepted} connections; begun again: {lost} bytes");
        Assert.InRange(proxy.BytesToClient, Layer, (long)(1.1 * Layer) + lost);
        if (!intoDistribution)
            Assert.Equal(0, lost);
        Assert.Equal(image.Blobs[0], await (intoDistribution ? sites.Secondary.Client : client).HashBlobAsync(image.Repository, image.Blobs[0], Stop));
    }

    [GeneratedRegex("begins again, ([0-9]+) bytes")]
    private static partial Regex Lost();
}
