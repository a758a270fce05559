using GeoDR.Lab;
using GeoDR.Lab.Faults;

namespace GeoDR.Tests.Faults;

/// <summary>Two sites whose secondary reaches its registry through a proxy, for tests that spoil a registry and wait until it is whole again.</summary>
public sealed class SpoiltRegistries : IAsyncLifetime
{
    public const string Name = "spoilt registries";

    public TwoSites Sites { get; private set; } = null!;

    public HttpFaultProxy Proxy { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Sites = await TwoSites.StartAsync(new()
    {
        CreateAdmin = false,
        Links = async links => links with { SecondaryRegistry = (Proxy = await HttpFaultProxy.StartAsync(links.SecondaryRegistry)).Url },
    });

    public async ValueTask DisposeAsync()
    {
        await Sites.DisposeAsync();
        await Proxy.DisposeAsync();
    }
}

[CollectionDefinition(SpoiltRegistries.Name)]
public sealed class SpoiltRegistriesDefinition : ICollectionFixture<SpoiltRegistries>;

/// <summary>Garbage collection at moments when nobody should run it: the rows are repaired by themselves.</summary>
[Collection(SpoiltRegistries.Name)]
public sealed class GarbageCollectionTests(SpoiltRegistries fixture)
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(40);

    private readonly TwoSites _sites = fixture.Sites;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Collection_AtTheSecondary_OfBlobsItRemembers_IsRepaired()
    {
        var shared = new LayerSpec(77, 50_000);
        var first = await _sites.Primary.Pusher.PushAsync("gc/one", "v1", new ImageSpec(ImageKind.Oci, 70, shared), Stop);
        await _sites.WaitForArrivalAsync(first, s_deadline, Stop);
        // Somebody deletes the copy and collects: GeoDR still believes that the layer is there.
        Assert.True(await _sites.Secondary.Pusher.DeleteAsync("gc/one", first.Digest, Stop));
        await _sites.Secondary.Registry.CollectGarbageAsync(Stop);
        await _sites.Secondary.Registry.StopAsync();
        await _sites.Secondary.Registry.StartAgainAsync(Stop);

        var second = await _sites.Primary.Pusher.PushAsync("gc/one", "v2", new ImageSpec(ImageKind.Oci, 71, shared), Stop);
        var elsewhere = await _sites.Primary.Pusher.PushAsync("gc/two", "v1", new ImageSpec(ImageKind.Oci, 72, shared), Stop);
        await _sites.WaitForArrivalAsync(second, s_deadline, Stop);
        await _sites.WaitForArrivalAsync(elsewhere, s_deadline, Stop);
        (await _sites.Secondary.Geo.RunAsync("resync", "--repository", "gc/one")).EnsureSuccess();
        await _sites.WaitUntilEqualAsync(s_deadline, cancellationToken: Stop);
    }

    [Fact]
    public async Task Resync_OfATagThatSomebodyTookFromTheSecondary_WritesItAgain()
    {
        var image = await _sites.Primary.Pusher.PushAsync("gc/taken", "v1", ImageSpec.Random(ImageKind.Oci, 75), Stop);
        await _sites.WaitForArrivalAsync(image, s_deadline, Stop);
        await _sites.WaitUntilEqualAsync(s_deadline, cancellationToken: Stop);
        Assert.True(await _sites.Secondary.Pusher.DeleteAsync("gc/taken", image.Digest, Stop));
        (await _sites.Secondary.Geo.RunAsync("resync", "--repository", "gc/taken")).EnsureSuccess();
        await _sites.WaitUntilEqualAsync(s_deadline, cancellationToken: Stop);
    }

    [Fact]
    public async Task Collection_AtTheSecondary_BetweenBlobAndManifest_IsRepaired()
    {
        // The manifest waits, all its blobs are there, and no manifest refers to them yet.
        var held = fixture.Proxy.Add(new HttpFaultRule { Method = "PUT", Path = "/gc/between/manifests/", Times = 1, Delay = TimeSpan.FromSeconds(4) });
        var image = await _sites.Primary.Pusher.PushAsync("gc/between", "v1", ImageSpec.Random(ImageKind.Oci, 80, layers: 3), Stop);
        await Wait.UntilAsync(_ => Task.FromResult(held.Hits == 1), s_deadline, () => "no manifest", Stop);
        await _sites.Secondary.Registry.CollectGarbageAsync(Stop);
        await _sites.WaitForArrivalAsync(image, s_deadline, Stop);
        await _sites.WaitUntilEqualAsync(s_deadline, cancellationToken: Stop);
    }

    [Fact]
    public async Task Collection_AtThePrimary_OfAnImageThatWaits_LeavesTheRestSynced()
    {
        (await _sites.Secondary.Geo.RunAsync("pause")).EnsureSuccess();
        var gone = await _sites.Primary.Pusher.PushAsync("gc/gone", "v1", ImageSpec.Random(ImageKind.Oci, 90), Stop);
        var stays = await _sites.Primary.Pusher.PushAsync("gc/gone", "v2", ImageSpec.Random(ImageKind.Oci, 91), Stop);
        Assert.True(await _sites.Primary.Pusher.DeleteAsync("gc/gone", gone.Digest, Stop));
        await _sites.Primary.Registry.CollectGarbageAsync(Stop);
        // Its queue is memory: what it has not told yet would be lost with it.
        await Wait.UntilAsync(
            async token => await _sites.Primary.Registry.ReadPendingNotificationsAsync(token) == 0, s_deadline, () => "the registry does not tell all", Stop);
        await _sites.Primary.Registry.StopAsync();
        await _sites.Primary.Registry.StartAgainAsync(Stop);
        (await _sites.Secondary.Geo.RunAsync("resume")).EnsureSuccess();
        await _sites.WaitForArrivalAsync(stays, s_deadline, Stop);
        await _sites.WaitUntilEqualAsync(s_deadline, cancellationToken: Stop);
    }
}
