using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using GeoDR.Lab;
using Npgsql;

namespace GeoDR.Tests.Intake;

/// <summary>Two sites whose primary registry notifies through a relay.</summary>
public sealed class RelayedSites : IAsyncLifetime
{
    private NotificationRelay _relay = null!;

    public TwoSites Sites { get; private set; } = null!;

    internal NotificationRelay Relay => _relay;

    public async ValueTask InitializeAsync() => Sites = await TwoSites.StartAsync(new TwoSitesOptions
    {
        CreateAdmin = false,
        Configure = site => site.Set("Reconcile:Settle", "1s"),
        Links = async links =>
        {
            _relay = await NotificationRelay.StartAsync(links.PrimaryNotifications);
            return links with { PrimaryNotifications = _relay.Url };
        },
    });

    public async ValueTask DisposeAsync()
    {
        await Sites.DisposeAsync();
        await _relay.DisposeAsync();
    }
}

/// <summary>
/// Hostile notifications in the queue of a real registry, which sends one at a time and repeats it for ever: each must be answered
/// 200, so that the valid push behind it arrives.
/// </summary>
public sealed class HostileNotificationTests(RelayedSites fixture) : IClassFixture<RelayedSites>
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(60);

    private static readonly Dictionary<string, Func<byte[], byte[]>> s_bodies = new()
    {
        ["not-json"] = _ => "this is not JSON"u8.ToArray(),
        ["empty"] = _ => [],
        ["cut-off"] = body => body[..(body.Length / 2)],
        ["not-utf8"] = _ => [0x7b, 0xff, 0xfe, 0x00, 0x7d],
        ["two-documents"] = body => [.. body, .. body],
        ["null"] = _ => "null"u8.ToArray(),
        ["a-list"] = _ => "[]"u8.ToArray(),
        ["events-is-text"] = _ => """{"events":"push"}"""u8.ToArray(),
        ["event-is-a-number"] = _ => """{"events":[7]}"""u8.ToArray(),
        ["target-is-text"] = Change(e => e["target"] = "x"),
        ["tag-is-a-number"] = Change(e => e["target"]!["tag"] = 7),
        ["id-is-an-object"] = Change(e => e["id"] = new JsonObject()),
        ["size-is-negative"] = Change(e => e["target"]!["size"] = -1),
        ["size-is-huge"] = Change(e => e["target"]!["size"] = JsonNode.Parse("1e300")),
        ["time-is-none"] = Change(e => e["timestamp"] = "yesterday"),
        ["references-is-text"] = Change(e => e["target"]!["references"] = "x"),
        ["ten-mebibytes"] = _ => [.. "{\"events\":[\""u8, .. Enumerable.Repeat((byte)'x', 10 * 1024 * 1024), .. "\"]}"u8],
        ["ten-mebibytes-of-brackets"] = _ => [.. Enumerable.Repeat((byte)'[', 10 * 1024 * 1024)],
        ["deep"] = _ => Encoding.UTF8.GetBytes("{\"events\":" + new string('[', 100_000) + new string(']', 100_000) + "}"),
        ["deep-in-an-event"] = body => Encoding.UTF8.GetBytes(
            "{\"events\":[{\"actor\":" + string.Concat(Enumerable.Repeat("{\"name\":", 500)) + "1" + new string('}', 501) + "]}"),
        ["name-climbs"] = Repository("../x"),
        ["name-climbs-inside"] = Repository("a/../../etc/passwd"),
        ["name-is-absolute"] = Repository("/etc/passwd"),
        ["name-is-upper-case"] = Repository("UPPER"),
        ["name-is-long"] = Repository(new string('a', 5000)),
        ["name-is-sql"] = Repository("x'); drop table event; --"),
        ["name-is-markup"] = Repository("<script>alert(1)</script>"),
        ["tag-climbs"] = Change(e => e["target"]!["tag"] = "../../x"),
        ["tag-has-a-nul"] = Change(e => e["target"]!["tag"] = "a\0b"),
        ["digest-is-short"] = Change(e => e["target"]!["digest"] = "sha256:abc"),
        ["digest-is-md5"] = Change(e => e["target"]!["digest"] = "md5:d41d8cd98f00b204e9800998ecf8427e"),
        ["action-is-unknown"] = Change(e => e["action"] = "explode"),
        ["no-action"] = Change(e => e.Remove("action")),
        ["no-id"] = Change(e => e.Remove("id")),
        ["no-target"] = Change(e => e.Remove("target")),
        ["no-repository"] = Change(e => ((JsonObject)e["target"]!).Remove("repository")),
        ["no-digest"] = Change(e => ((JsonObject)e["target"]!).Remove("digest")),
    };

    private readonly TwoSites _sites = fixture.Sites;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<string> Names => [.. s_bodies.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Queue_HostileNotification_IsKeptWholeAndTheNextPushArrives(string name)
    {
        var hostile = $"hostile/{name}";
        byte[]? sent = null;
        fixture.Relay.Swap(hostile, body => sent = s_bodies[name](body));
        await PushAsync(hostile, "v1", name.Length);
        var valid = await PushAsync("after/hostile", name, 500 + name.Length);

        await _sites.WaitForArrivalAsync(valid, s_deadline, Stop);

        var answers = fixture.Relay.Answers[hostile];
        Assert.Equal(200, answers.Last().Status);
        Assert.Contains("\"quarantined\":1", answers.Last().Body, StringComparison.Ordinal);
        var kept = sent!.Length > 4 * 1024 * 1024 ? sent[..(64 * 1024)] : sent;
        Assert.Equal(kept, await KeptAsync(Convert.ToHexStringLower(SHA256.HashData(kept))));
    }

    [Fact]
    public async Task Queue_GoodAmongBad_IsFollowed()
    {
        const string mixed = "hostile/mixed";
        fixture.Relay.Swap(mixed, body =>
        {
            var envelope = JsonNode.Parse(body)!;
            var events = envelope["events"]!.AsArray();
            events.Insert(0, JsonValue.Create(7));
            events.Insert(1, JsonNode.Parse("""{"id":"bad","action":"push","target":{"repository":"../x","tag":"a"}}"""));
            events.Add(JsonNode.Parse("""{"action":"explode"}"""));
            return Encoding.UTF8.GetBytes(envelope.ToJsonString());
        });

        var good = await PushAsync(mixed, "v1", 77);

        await _sites.WaitForArrivalAsync(good, s_deadline, Stop);
        Assert.All(fixture.Relay.Answers[mixed], a => Assert.Equal(200, a.Status));
        Assert.Contains(fixture.Relay.Answers[mixed], a => a.Body.Contains("\"accepted\":1,\"ignored\":0,\"quarantined\":3", StringComparison.Ordinal));
    }

    /// <summary>Harbor, zot and ACR, each on its own path, in the shapes of their sources; none of them runs here.</summary>
    [Fact]
    public async Task Paths_OfOtherSenders_TakeWhatTheyUnderstandAndKeepTheRest()
    {
        const string zot = """{"name":"senders/zot","reference":"v1","digest":"DIGEST","mediaType":"application/vnd.oci.image.manifest.v1+json","manifest":"{}"}""";
        var secret = _sites.Primary.Geo.Settings["Geo__Notifications__Secrets__0"];
        var basic = "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"geodr:{secret}"));
        const string accepted = "200 {\"accepted\":1,\"ignored\":0,\"quarantined\":0,\"problems\":[]}";
        var image = await PushAsync("senders/app", "v1", 900);
        await _sites.WaitForArrivalAsync(image, s_deadline, Stop);

        Assert.Equal(accepted, await PostAsync("harbor", secret, Filled("""{"type":"PUSH_ARTIFACT","occur_at":1763733661,"operator":"a","event_data":{"resources":[{"digest":"DIGEST","tag":"v1"}],"repository":{"repo_full_name":"senders/harbor"}}}""")));
        Assert.Equal(accepted, await PostAsync("acr", $"Bearer {secret}", Filled("""{"id":"acr-1","action":"push","target":{"digest":"DIGEST","tag":"v1","repository":"senders/acr"}}""")));
        Assert.Equal(accepted, await PostAsync("zot", basic, Filled(zot), ("ce-specversion", "1.0"), ("ce-id", "zot-1"), ("ce-source", "zotregistry.dev"), ("ce-type", "zotregistry.image.updated")));
        Assert.Equal(["acr", "harbor", "zot"], await ColumnAsync("select split_part(repository, '/', 2) from event where repository like 'senders/%' and repository <> 'senders/app' order by 1"));

        Assert.StartsWith("401", await PostAsync("harbor", basic, "{}"), StringComparison.Ordinal);
        Assert.StartsWith("401", await PostAsync("zot", "Basic !!!", "{}"), StringComparison.Ordinal);
        Assert.StartsWith("401", await PostAsync("acr", "wrong", "{}"), StringComparison.Ordinal);
        Assert.Contains("\"quarantined\":1", await PostAsync("harbor", secret, Filled("""{"id":"acr-2","action":"push","target":{"digest":"DIGEST","tag":"v1","repository":"senders/acr"}}""")), StringComparison.Ordinal);
        Assert.Contains("\"quarantined\":1", await PostAsync("zot", basic, "not JSON \u0001", ("ce-type", "zotregistry.image.updated"), ("ce-id", "zot-2")), StringComparison.Ordinal);
        Assert.Contains("\"quarantined\":1", await PostAsync("acr", secret, new string('[', 5 * 1024 * 1024)), StringComparison.Ordinal);
        Assert.Equal(["acr true", "harbor false", "zot false"], await ColumnAsync("select format || ' ' || truncated from quarantine where format <> 'distribution' order by 1"));
        Assert.DoesNotContain(secret, string.Concat(await ColumnAsync("select encode(body, 'escape') from quarantine where format = 'zot'")), StringComparison.Ordinal);

        string Filled(string text) => text.Replace("DIGEST", image.Digest, StringComparison.Ordinal);
    }

    private async Task<string> PostAsync(string sender, string authorization, string body, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_sites.Primary.Geo.Url, $"/api/v1/notifications/{sender}")) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.TryAddWithoutValidation("Authorization", authorization);
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        using var answer = await http.SendAsync(request, Stop);
        return $"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(Stop)}";
    }

    private async Task<List<string>> ColumnAsync(string sql)
    {
        await using var source = NpgsqlDataSource.Create(_sites.Primary.ConnectionString);
        await using var command = source.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync(Stop);
        var values = new List<string>();
        while (await reader.ReadAsync(Stop))
            values.Add(reader.GetString(0));
        return values;
    }

    private static Func<byte[], byte[]> Repository(string name) => Change(e => e["target"]!["repository"] = name);

    /// <summary>The registry's own notification with something about its event changed; a blob's becomes a manifest's, which matters.</summary>
    private static Func<byte[], byte[]> Change(Action<JsonObject> change) => body =>
    {
        var envelope = JsonNode.Parse(body)!;
        var changed = envelope["events"]![0]!.AsObject();
        changed["target"]!["mediaType"] = "application/vnd.oci.image.manifest.v1+json";
        changed["target"]!["tag"] ??= "v1";
        change(changed);
        return Encoding.UTF8.GetBytes(envelope.ToJsonString());
    };

    private Task<PushedImage> PushAsync(string repository, string tag, int seed) =>
        _sites.Primary.Pusher.PushAsync(repository, tag, ImageSpec.Random(ImageKind.Oci, 70_000 + seed, layers: 1, size: 64), Stop);

    private async Task<byte[]?> KeptAsync(string hash)
    {
        await using var source = NpgsqlDataSource.Create(_sites.Primary.ConnectionString);
        await using var command = source.CreateCommand("select body from quarantine where body_hash = $1");
        command.Parameters.Add(new() { Value = hash });
        return await command.ExecuteScalarAsync(Stop) as byte[];
    }
}
