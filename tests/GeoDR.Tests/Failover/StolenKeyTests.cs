using System.Net.Http.Headers;
using System.Text.Json;
using GeoDR.Lab;
using GeoDR.Sites;
using GeoDR.Tokens;

namespace GeoDR.Tests.Failover;

/// <summary>A secondary that joined by invitation, and whoever stole its key: what a real registry and the primary let it do.</summary>
public sealed class StolenKeyTests
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(30);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task KeyOfAJoinedSite_PullsOneRepositoryAtATime_AndNothingOnceRevoked()
    {
        await using var sites = await SiteGroup.StartAsync(new() { Names = ["berlin", "madrid", "paris"], Configure = Strangers }, Stop);
        var (berlin, madrid) = (sites["berlin"], sites["madrid"]);
        var stopped = madrid.Geo.StopAsync();
        var invitation = (await berlin.Geo.RunAsync("site", "invite", "--name", "madrid")).EnsureSuccess().Output.Trim();
        await stopped;
        (await madrid.Geo.RunAsync("site", "join", invitation)).EnsureSuccess();
        await madrid.Geo.StartServeAsync(cancellationToken: Stop);
        var one = await berlin.Pusher.PushAsync("app/one", "v1", ImageSpec.Random(ImageKind.Oci, 1), Stop);
        var two = await berlin.Pusher.PushAsync("app/two", "v1", ImageSpec.Random(ImageKind.Oci, 2), Stop);
        await SiteGroup.ArrivesAsync(madrid, one, s_deadline, Stop);
        await SiteGroup.ArrivesAsync(madrid, two, s_deadline, Stop);
        Assert.DoesNotContain("fail", (await madrid.Geo.RunAsync("check")).Output, StringComparison.Ordinal);

        var token = (await madrid.Geo.RunAsync("token", "--repository", "app/one")).EnsureSuccess().Output.Trim();
        using var http = new HttpClient { BaseAddress = new(berlin.Registry.Url, "v2/") };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        http.DefaultRequestHeaders.Accept.Add(new("application/vnd.oci.image.manifest.v1+json"));
        (string What, HttpMethod Method, string Path, int Expected)[] calls =
        [
            ("pull", HttpMethod.Get, "app/one/manifests/v1", 200),
            ("push", HttpMethod.Post, "app/one/blobs/uploads/", 401),
            ("tag", HttpMethod.Put, "app/one/manifests/v2", 401),
            ("delete", HttpMethod.Delete, $"app/one/manifests/{one.Digest}", 401),
            ("catalog", HttpMethod.Get, "_catalog", 401),
            ("another", HttpMethod.Get, "app/two/manifests/v1", 401),
        ];
        foreach (var call in calls)
        {
            using var answer = await http.SendAsync(new(call.Method, call.Path), Stop);
            Assert.True((int)answer.StatusCode == call.Expected, $"{call.What}: {(int)answer.StatusCode}");
        }

        // It may not promote, whatever it signs; and the site that is told of it knows that.
        using var key = SiteKey.Load(sites.Directory.PathOf("keys", "madrid.key"));
        var term = TermToken.Sign(key, new(50, Guid.NewGuid(), "madrid"), TimeProvider.System.GetUtcNow());
        using var paris = SiteKey.Load(sites.Directory.PathOf("keys", "paris.key"));
        Assert.Equal(200, await BeatAsync("madrid", key));
        // Nor where an honest site carries it.
        Assert.Equal(200, await BeatAsync("paris", paris));
        Assert.DoesNotContain("madrid", (await berlin.Geo.RunAsync("term", "list")).EnsureSuccess().Output, StringComparison.Ordinal);

        (await berlin.Geo.RunAsync("site", "revoke", "madrid")).EnsureSuccess();
        Assert.Equal(401, await BeatAsync("madrid", key));
        Assert.Equal(200, await BeatAsync("paris", paris));
        Assert.DoesNotContain("madrid", (await berlin.Geo.RunAsync("term", "list")).EnsureSuccess().Output, StringComparison.Ordinal);
        var refused = await madrid.Geo.RunAsync("token", "--repository", "app/one");
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("revoked", refused.Error, StringComparison.Ordinal);
        Assert.NotEqual(0, (await madrid.Geo.RunAsync("site", "join", invitation)).ExitCode);
        Assert.True(await berlin.Geo.AnswersAsync("/healthz/primary", Stop));

        async Task<int> BeatAsync(string carrier, SiteKey signer)
        {
            const string Path = "/api/v1/sites/heartbeat";
            var beat = new Heartbeat(carrier, "primary", null, null, "", null, null, new Dictionary<string, long>(), "") { Terms = [term] };
            var body = JsonSerializer.SerializeToUtf8Bytes(beat, JsonSerializerOptions.Web);
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(berlin.Geo.Url, Path)) { Content = new ByteArrayContent(body) };
            request.Headers.Authorization = new("Bearer", SiteToken.Create(signer, carrier, "berlin", "POST", Path, body, TimeProvider.System.GetUtcNow()));
            using var answer = await http.SendAsync(request, Stop);
            return (int)answer.StatusCode;
        }
    }

    // Neither knows the other from its settings.
    private static void Strangers(GeoSite site)
    {
        if (site.Name == "paris")
            return;
        var other = site.Name == "berlin" ? "madrid" : "berlin";
        foreach (var key in new[] { "Url", "PublicKeyFile", "Registry:Url", "Registry:AllowHttp" })
            site.Set($"Peers:{other}:{key}", null);
        if (site.Name == "madrid")
            site.Set("Primary:AllowHttp", "true").Set("Primary:Registry:TokensFrom", "primary").Set("Failover:MayPromote", "false");
    }
}
