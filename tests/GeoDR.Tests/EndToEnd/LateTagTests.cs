using GeoDR.Lab;
using GeoDR.Lab.Registries;

namespace GeoDR.Tests.EndToEnd;

/// <summary>The push event precedes the tag (distribution#2625): a registry that links it seconds later is asked again.</summary>
public sealed class LateTagTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Push_TagLinkedFiveSecondsAfterItsEvent_Arrives()
    {
        var port = Ports.Free();
        await using var late = await LabRegistry.StartAsync(new LabRegistryOptions
        {
            Notifications = [new(new Uri($"http://127.0.0.1:{port}/api/v4/container_registry_event/events")) { Authorization = "notifies-geodr" }],
        });
        await using var sites = await TwoSites.StartAsync(
            new TwoSitesOptions
            {
                CreateAdmin = false,
                PortsByName = new Dictionary<string, int> { [TwoSites.PrimaryName] = port },
                Configure = site => site.Set(site.Name == TwoSites.PrimaryName ? "Registry:Url" : "Primary:Registry:Url", late.Url.AbsoluteUri),
            },
            Stop);
        using var http = new HttpClient();
        var (old, image) = (LabImage.Create("late-old", 100), LabImage.Create("late", 100));
        await old.PushAsync(http, late.Url, "late/moved", "v1", Stop);
        await ArrivesAsync(sites, "late/moved", old.Digest);

        late.Switches.TagLinkDelay = TimeSpan.FromSeconds(5);
        await image.PushAsync(http, late.Url, "late/new", "v1", Stop);
        await image.PushAsync(http, late.Url, "late/moved", "v1", Stop);
        using (var before = await http.GetAsync(new Uri(late.Url, "v2/late/new/manifests/v1"), Stop))
            Assert.Equal(System.Net.HttpStatusCode.NotFound, before.StatusCode);

        await ArrivesAsync(sites, "late/new", image.Digest);
        await ArrivesAsync(sites, "late/moved", image.Digest);
    }

    private static Task ArrivesAsync(TwoSites sites, string repository, string digest) => Wait.UntilAsync(
        async token => await sites.Secondary.Client.ResolveAsync(repository, "v1", token) == digest,
        TimeSpan.FromSeconds(30), () => $"{repository}:v1 is not {digest}\n{sites.Secondary.Geo.Serve?.LogTail(40)}", Stop);
}
