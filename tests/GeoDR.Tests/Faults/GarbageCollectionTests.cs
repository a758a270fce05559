using GeoDR.Lab;
using GeoDR.Lab.Faults;

namespace GeoDR.Tests.Faults;

/// <summary>Garbage collection at moments when nobody should run it: the rows are repaired by themselves.</summary>
public sealed class GarbageCollectionTests
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(40);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Collection_AtTheSecondary_OfBlobsItRemembers_IsRepaired()
    {
        await using var sites = await TwoSites.StartAsync(new() { CreateAdmin = false }, Stop);
        var shared = new LayerSpec(77, 50_000);
        var first = await sites.Primary.Pusher.PushAsync("gc/one", "v1", new ImageSpec(ImageKind.Oci, 70, shared), Stop);
        await sites.WaitForArrivalAsync(first, s_deadline, Stop);
        // Somebody deletes the copy and collects: GeoDR still believes that the layer is there.
        Assert.True(await sites.Secondary.Pusher.DeleteAsync("gc/one", first.Digest, Stop));
        await sites.Secondary.Registry.CollectGarbageAsync(Stop);
        await sites.Secondary.Registry.StopAsync();
        await sites.Secondary.Registry.StartAgainAsync(Stop);

        var second = await sites.Primary.Pusher.PushAsync("gc/one", "v2", new ImageSpec(ImageKind.Oci, 71, shared), Stop);
        var elsewhere = await sites.Primary.Pusher.PushAsync("gc/two", "v1", new ImageSpec(ImageKind.Oci, 72, shared), Stop);
        await sites.WaitForArrivalAsync(second, s_deadline, Stop);
        await sites.WaitForArrivalAsync(elsewhere, s_deadline, Stop);
        (await sites.Secondary.Geo.RunAsync("resync", "--repository", "gc/one")).EnsureSuccess();
        await sites.WaitUntilEqualAsync(s_deadline, cancellationToken: Stop);
    }

    [Fact]
    public async Task Collection_AtTheSecondary_BetweenBlobAndManifest_IsRepaired()
    {
        HttpFaultProxy? http = null;
        await using var sites = await TwoSites.StartAsync(
            new()
            {
                CreateAdmin = false,
                Links = async links =>
                {
                    http = await HttpFaultProxy.StartAsync(links.SecondaryRegistry);
                    return links with { SecondaryRegistry = http.Url };
                },
            },
            Stop);
        await using var proxy = http!;
        // The manifest waits, all its blobs are there, and no manifest refers to them yet.
        var held = proxy.Add(new HttpFaultRule { Method = "PUT", Path = "/manifests/", Times = 1, Delay = TimeSpan.FromSeconds(4) });
        var image = await sites.Primary.Pusher.PushAsync("gc/between", "v1", ImageSpec.Random(ImageKind.Oci, 80, layers: 3), Stop);
        await Wait.UntilAsync(_ => Task.FromResult(held.Hits == 1), s_deadline, () => "no manifest", Stop);
        await sites.Secondary.Registry.CollectGarbageAsync(Stop);
        await sites.WaitForArrivalAsync(image, s_deadline, Stop);
        await sites.WaitUntilEqualAsync(s_deadline, cancellationToken: Stop);
    }

    [Fact]
    public async Task Collection_AtThePrimary_OfAnImageThatWaits_LeavesTheRestSynced()
    {
        await using var sites = await TwoSites.StartAsync(new() { CreateAdmin = false }, Stop);
        (await sites.Secondary.Geo.RunAsync("pause")).EnsureSuccess();
        var gone = await sites.Primary.Pusher.PushAsync("gc/gone", "v1", ImageSpec.Random(ImageKind.Oci, 90), Stop);
        var stays = await sites.Primary.Pusher.PushAsync("gc/gone", "v2", ImageSpec.Random(ImageKind.Oci, 91), Stop);
        Assert.True(await sites.Primary.Pusher.DeleteAsync("gc/gone", gone.Digest, Stop));
        await sites.Primary.Registry.CollectGarbageAsync(Stop);
        // Its queue is memory: what it has not told yet would be lost with it.
        await Wait.UntilAsync(
            async token => await sites.Primary.Registry.ReadPendingNotificationsAsync(token) == 0, s_deadline, () => "the registry does not tell all", Stop);
        await sites.Primary.Registry.StopAsync();
        await sites.Primary.Registry.StartAgainAsync(Stop);
        (await sites.Secondary.Geo.RunAsync("resume")).EnsureSuccess();
        await sites.WaitForArrivalAsync(stays, s_deadline, Stop);
        await sites.WaitUntilEqualAsync(s_deadline, cancellationToken: Stop);
    }
}
