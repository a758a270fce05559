using GeoDR.Lab;
using GeoDR.Lab.Registries;
using GeoDR.Tests.Kinds;

namespace GeoDR.Tests.EndToEnd;

/// <summary>The push event precedes the tag (distribution#2625): a registry that links it seconds later is asked again.</summary>
[Collection(LabToDistribution.Name)]
public sealed class LateTagTests(LabToDistribution fixture)
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Push_TagLinkedFiveSecondsAfterItsEvent_Arrives()
    {
        var (sites, late) = (fixture.Pair.Sites, fixture.Pair.LabSource!);
        using var http = new HttpClient();
        var (old, image) = (LabImage.Create("late-old", 100), LabImage.Create("late", 100));
        await old.PushAsync(http, late.Url, "late/moved", "v1", Stop);
        await ArrivesAsync(sites, "late/moved", old.Digest);

        late.Switches.TagLinkDelay = TimeSpan.FromSeconds(5);
        await image.PushAsync(http, late.Url, "late/new", "v1", Stop);
        await image.PushAsync(http, late.Url, "late/moved", "v1", Stop);
        using (var before = await http.GetAsync(new Uri(late.Url, "v2/late/new/manifests/v1"), Stop))
            Assert.Equal(System.Net.HttpStatusCode.NotFound, before.StatusCode);

        late.Switches.TagLinkDelay = TimeSpan.Zero;
        await ArrivesAsync(sites, "late/new", image.Digest);
        await ArrivesAsync(sites, "late/moved", image.Digest);
    }

    private static Task ArrivesAsync(TwoSites sites, string repository, string digest) => Wait.UntilAsync(
        async token => await sites.Secondary.Client.ResolveAsync(repository, "v1", token) == digest,
        TimeSpan.FromSeconds(30), () => $"{repository}:v1 is not {digest}\n{sites.Secondary.Geo.Serve?.LogTail(40)}", Stop);
}
