using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using GeoDR.Lab;
using GeoDR.Sites;
using GeoDR.Tests.Secrets;
using GeoDR.Tokens;
using Npgsql;
using Site = GeoDR.Lab.Site;

namespace GeoDR.Tests.Failover;

/// <summary>Sites change their keys and passwords as docs/how-to/rotate-keys.md says, while they run: no process starts again, and nothing is refused or lost.</summary>
public sealed partial class KeyRotationTests(RotatingSites lab) : IClassFixture<RotatingSites>
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(40);

    private readonly Site _berlin = lab.Berlin;
    private readonly Site _madrid = lab.Madrid;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string Keys(string file) => lab.Sites.Directory.PathOf("keys", file);

    [Fact]
    public async Task SitesKey_ChangedWhileBothCount_IsNeverRefused()
    {
        var (secret, open) = (Keys("madrid.key"), Keys("madrid.pub"));
        var (newSecret, newOpen) = (Keys("new.key"), Keys("new.pub"));
        (await GeoProgram.RunAsync(["key", "new", "--private", newSecret, "--public", newOpen], cancellationToken: Stop)).EnsureSuccess();
        lab.Search.UseKey("madrid's new site key", newSecret);
        using var old = SiteKey.Load(secret);
        using var fresh = SiteKey.Load(newSecret);
        Assert.Equal((200, 401), (await BeatAsync(old), await BeatAsync(fresh)));

        // A file that is half written changes nothing.
        var before = await File.ReadAllTextAsync(open, Stop);
        await File.WriteAllTextAsync(open, before + "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n", Stop);
        await SaysAsync(_berlin, "cannot be read again");
        Assert.Equal((200, 401), (await BeatAsync(old), await BeatAsync(fresh)));

        await File.WriteAllTextAsync(open, before + await File.ReadAllTextAsync(newOpen, Stop), Stop);
        await Wait.UntilAsync(async _ => await BeatAsync(fresh) == 200, s_deadline, () => _berlin.Geo.Serve!.LogTail(20), Stop);
        Assert.Equal(200, await BeatAsync(old));

        File.Copy(newSecret, secret, overwrite: true);
        await SaysAsync(_madrid, "Geo:Site:KeyFile holds now counts");
        await File.WriteAllTextAsync(open, await File.ReadAllTextAsync(newOpen, Stop), Stop);
        await Wait.UntilAsync(async _ => await BeatAsync(old) == 401, s_deadline, () => _berlin.Geo.Serve!.LogTail(20), Stop);
        Assert.Equal(200, await BeatAsync(fresh));
        await ArrivesAsync("key/site");
        Assert.DoesNotContain("/heartbeat answered 401", await LogAsync(_madrid), StringComparison.Ordinal);
    }

    [Fact]
    public async Task TokenKey_ChangedWhileRegistriesTrustBoth_FailsNoSync()
    {
        var (keys, bundle) = (Keys("tokens"), Keys("bundle.pem"));
        using var fresh = SigningKey.Create(Path.GetDirectoryName(bundle)!, "fresh");
        lab.Search.UseKey("the new token key", fresh.KeyFile);
        var (oldCertificate, newCertificate) = (await File.ReadAllTextAsync(keys + ".crt", Stop), await File.ReadAllTextAsync(fresh.CertificateFile, Stop));
        var trusted = await File.ReadAllTextAsync(bundle, Stop);
        await TrustAsync(trusted + newCertificate);

        using var enough = new CancellationTokenSource();
        var pushing = PushAsync(enough.Token);
        // Between the two files they do not belong together.
        File.Copy(fresh.KeyFile, keys + ".key", overwrite: true);
        await SaysAsync(_madrid, "The file of Geo:Tokens:KeyFile cannot be used");
        await ShownAsync();
        await ArrivesAsync("key/between");
        File.Copy(fresh.CertificateFile, keys + ".crt", overwrite: true);
        await Task.WhenAll(SaysAsync(_berlin, "Geo:Tokens:KeyFile holds now counts"), SaysAsync(_madrid, "Geo:Tokens:KeyFile holds now counts"));
        await enough.CancelAsync();
        foreach (var image in await pushing)
            await SiteGroup.ArrivesAsync(_madrid, image, s_deadline, Stop);

        await TrustAsync(trusted.Replace(oldCertificate, newCertificate, StringComparison.Ordinal));
        await ArrivesAsync("key/after");
        var attempts = JsonNode.Parse((await _madrid.Geo.RunAsync("attempts", "--repository", "key/load", "--json")).EnsureSuccess().Output)!.AsArray();
        Assert.Contains(attempts, a => (string)a!["outcome"]! == "synced");
        Assert.DoesNotContain(attempts, a => (string)a!["outcome"]! == "failed");

        async Task<List<PushedImage>> PushAsync(CancellationToken end)
        {
            var images = new List<PushedImage>();
            while (!end.IsCancellationRequested)
                images.Add(await _berlin.Pusher.PushAsync("key/load", $"v{images.Count}", ImageSpec.Random(ImageKind.Oci, 900 + images.Count), Stop));
            return images;
        }

        // Distribution reads its bundle when it starts. What it has to tell must be told before: that is in its memory alone.
        async Task TrustAsync(string certificates)
        {
            await File.WriteAllTextAsync(bundle, certificates, Stop);
            foreach (var registry in new[] { _berlin.Registry, _madrid.Registry })
            {
                await Wait.UntilAsync(async token => await registry.ReadPendingNotificationsAsync(token) == 0, s_deadline, () => "notifications are not taken", Stop);
                await registry.StopAsync();
                await registry.StartAgainAsync(Stop);
            }
        }
    }

    [Fact]
    public async Task NotificationSecret_Changed_TakesBothAndThenTheNewAlone()
    {
        var file = lab.FileOf(_berlin, "secrets");
        var old = (await File.ReadAllTextAsync(file, Stop)).Trim();
        var fresh = lab.Fresh("the new notification secret");
        Assert.Equal((200, 401), (await NotifyAsync(_berlin, old), await NotifyAsync(_berlin, fresh)));
        await File.WriteAllTextAsync(file, "", Stop);
        await SaysAsync(_berlin, "The file of Geo:Notifications:SecretsFile cannot be used");
        Assert.Equal(200, await NotifyAsync(_berlin, old));
        await File.WriteAllTextAsync(file, $"{fresh}\n{old}\n", Stop);
        await Wait.UntilAsync(async _ => await NotifyAsync(_berlin, fresh) == 200, s_deadline, () => "the new one is refused", Stop);
        // The registry still sends the old one.
        await ArrivesAsync("key/notified");
        await File.WriteAllTextAsync(file, $"{fresh}\n", Stop);
        await Wait.UntilAsync(async _ => await NotifyAsync(_berlin, old) == 401, s_deadline, () => "the old one is taken", Stop);
        Assert.Equal(200, await NotifyAsync(_berlin, fresh));
        await File.WriteAllTextAsync(file, $"{old}\n", Stop);
        await Wait.UntilAsync(async _ => await NotifyAsync(_berlin, old) == 200, s_deadline, () => "the former one does not count again", Stop);
    }

    [Fact]
    public async Task DatabasePassword_ChangedWhileBothSitesUseIt_IsTakenByTheNextConnection()
    {
        var process = (_berlin.Geo.Serve!.Id, _madrid.Geo.Serve!.Id);
        var fresh = lab.Fresh("berlin's database's new password");
        var connection = new NpgsqlConnectionStringBuilder(await File.ReadAllTextAsync(lab.FileOf(_berlin, "database"), Stop)) { Password = fresh };
        await _berlin.Postgres.ExecuteAsync($"alter role {RotatingSites.Role} password '{fresh}'", cancellationToken: Stop);
        foreach (var file in new[] { lab.FileOf(_berlin, "database"), lab.FileOf(_madrid, "log") })
            await File.WriteAllTextAsync(file, connection.ConnectionString + "\n", Stop);
        // Connections that stand need no password.
        await _berlin.Postgres.ExecuteAsync($"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{RotatingSites.Role}'", cancellationToken: Stop);
        await ArrivesAsync("key/database");
        Assert.Equal(process, (_berlin.Geo.Serve!.Id, _madrid.Geo.Serve!.Id));
        (await _berlin.Geo.RunAsync("status")).EnsureSuccess();

        // A file that names no database changes nothing, and is never quoted.
        await File.WriteAllTextAsync(lab.FileOf(_berlin, "database"), $"Host=127.0.0.1;Passwort={fresh}\n", Stop);
        await SaysAsync(_berlin, "The file of Geo:DatabaseFile cannot be used");
        await _berlin.Postgres.ExecuteAsync($"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{RotatingSites.Role}'", cancellationToken: Stop);
        await ArrivesAsync("key/database-again");
        await File.WriteAllTextAsync(lab.FileOf(_berlin, "database"), connection.ConnectionString + "\n", Stop);
    }

    [Fact]
    public async Task RegistryPassword_Changed_IsTakenByTheNextToken()
    {
        await ArrivesAsync("key/password");
        var fresh = lab.Fresh("the registry's new password");
        lab.Sites.Tokens.AddUser(new(RotatingSites.Puller, fresh));
        await File.WriteAllTextAsync(lab.FileOf(_madrid, "registry"), fresh + "\n", Stop);
        // A token for another repository must be asked for.
        await ArrivesAsync("key/new-password");
    }

    private async Task ArrivesAsync(string repository)
    {
        var image = await _berlin.Pusher.PushAsync(repository, "v1", ImageSpec.Random(ImageKind.Oci, repository.Length), Stop);
        await SiteGroup.ArrivesAsync(_madrid, image, s_deadline, Stop);
    }

    private static Task<string> LogAsync(Site site) => SecretSearch.ReadAsync(site.Geo.Serve!.LogFile, Stop);

    private static Task SaysAsync(Site site, string words) => Wait.UntilAsync(
        async _ => (await LogAsync(site)).Contains(words, StringComparison.Ordinal), s_deadline, () => $"{site.Name} does not say: {words}\n{site.Geo.Serve!.LogTail(20)}", Stop);

    private async Task ShownAsync()
    {
        using var http = await TokenAsync(_madrid, "rotation");
        await Wait.UntilAsync(
            async token => (await http.GetStringAsync("/api/v1/alerts?state=open", token)).Contains("the file of Geo:Tokens:KeyFile cannot be used", StringComparison.Ordinal),
            s_deadline, () => "no alert is raised", Stop);
        await Wait.UntilAsync(
            async token => (await http.GetStringAsync("/metrics", token)).Contains("geodr_secret_files_refused 1\n", StringComparison.Ordinal), s_deadline, () => "the metrics do not count it", Stop);
    }

    private async Task<HttpClient> TokenAsync(Site site, string name)
    {
        var token = lab.Search.Use($"{site.Name}'s API token {name}", (await site.Geo.RunAsync("apitoken", "new", name, "--role", "admin")).EnsureSuccess().Output.Trim());
        return new() { BaseAddress = site.Geo.Url, DefaultRequestHeaders = { Authorization = new("Bearer", token) } };
    }

    /// <summary>What a notification is answered. A site whose database takes its time says 503, and whoever notifies comes again.</summary>
    private static async Task<int> NotifyAsync(Site site, string secret, string body = """{"events":[]}""")
    {
        using var http = new HttpClient();
        var status = 0;
        await Wait.UntilAsync(async token =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(site.Geo.Url, "/api/v1/notifications")) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
            request.Headers.TryAddWithoutValidation("Authorization", secret);
            using var answer = await http.SendAsync(request, token);
            return (status = (int)answer.StatusCode) != 503;
        }, s_deadline, () => $"{site.Name}'s intake stays busy", Stop);
        return status;
    }

    private async Task<int> BeatAsync(SiteKey key)
    {
        const string Path = "/api/v1/sites/heartbeat";
        var body = JsonSerializer.SerializeToUtf8Bytes(new Heartbeat("madrid", "secondary", null, "berlin", "", null, null, new Dictionary<string, long>(), ""), JsonSerializerOptions.Web);
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_berlin.Geo.Url, Path)) { Content = new ByteArrayContent(body) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", SiteToken.Create(key, "madrid", "berlin", "POST", Path, body, TimeProvider.System.GetUtcNow()));
        using var answer = await http.SendAsync(request, Stop);
        return (int)answer.StatusCode;
    }
}
