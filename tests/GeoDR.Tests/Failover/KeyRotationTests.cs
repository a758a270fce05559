using System.Net.Http.Headers;
using System.Text.Json;
using GeoDR.Lab;
using GeoDR.Sites;
using GeoDR.Tokens;

namespace GeoDR.Tests.Failover;

/// <summary>A site changes its key as docs/how-to/rotate-keys.md says: at no moment is a call of it refused.</summary>
public sealed class KeyRotationTests
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(40);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task SitesKey_ChangedWhileBothCount_IsNeverRefused()
    {
        await using var sites = await SiteGroup.StartAsync(new() { Names = ["berlin", "madrid"] }, Stop);
        var (berlin, madrid) = (sites["berlin"], sites["madrid"]);
        var (secret, open) = (sites.Directory.PathOf("keys", "madrid.key"), sites.Directory.PathOf("keys", "madrid.pub"));
        var (newSecret, newOpen) = (sites.Directory.PathOf("keys", "new.key"), sites.Directory.PathOf("keys", "new.pub"));
        (await GeoProgram.RunAsync(["key", "new", "--private", newSecret, "--public", newOpen], cancellationToken: Stop)).EnsureSuccess();
        using var old = SiteKey.Load(secret);
        using var fresh = SiteKey.Load(newSecret);
        Assert.Equal((200, 401), (await BeatAsync(old), await BeatAsync(fresh)));

        // A file that is half written changes nothing.
        var before = await File.ReadAllTextAsync(open, Stop);
        await File.WriteAllTextAsync(open, before + "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n", Stop);
        await Wait.UntilAsync(() => berlin.Geo.Serve!.LogTail(200).Contains("cannot be read again", StringComparison.Ordinal), s_deadline, () => berlin.Geo.Serve!.LogTail(20), Stop);
        Assert.Equal((200, 401), (await BeatAsync(old), await BeatAsync(fresh)));

        await File.WriteAllTextAsync(open, before + await File.ReadAllTextAsync(newOpen, Stop), Stop);
        await Wait.UntilAsync(async _ => await BeatAsync(fresh) == 200, s_deadline, () => berlin.Geo.Serve!.LogTail(20), Stop);
        Assert.Equal(200, await BeatAsync(old));

        await madrid.Geo.StopAsync();
        File.Copy(newSecret, secret, overwrite: true);
        await madrid.Geo.StartServeAsync(cancellationToken: Stop);
        await File.WriteAllTextAsync(open, await File.ReadAllTextAsync(newOpen, Stop), Stop);
        await Wait.UntilAsync(async _ => await BeatAsync(old) == 401, s_deadline, () => berlin.Geo.Serve!.LogTail(20), Stop);
        Assert.Equal(200, await BeatAsync(fresh));
        Assert.DoesNotContain("was refused", madrid.Geo.Serve!.LogTail(200), StringComparison.Ordinal);
        var image = await berlin.Pusher.PushAsync("app/web", "v1", ImageSpec.Random(ImageKind.Oci, 1), Stop);
        await SiteGroup.ArrivesAsync(madrid, image, s_deadline, Stop);

        async Task<int> BeatAsync(SiteKey key)
        {
            const string Path = "/api/v1/sites/heartbeat";
            var body = JsonSerializer.SerializeToUtf8Bytes(new Heartbeat("madrid", "secondary", null, "berlin", "", null, null, new Dictionary<string, long>(), ""), JsonSerializerOptions.Web);
            using var http = new HttpClient();
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(berlin.Geo.Url, Path)) { Content = new ByteArrayContent(body) };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", SiteToken.Create(key, "madrid", "berlin", "POST", Path, body, TimeProvider.System.GetUtcNow()));
            using var answer = await http.SendAsync(request, Stop);
            return (int)answer.StatusCode;
        }
    }
}
