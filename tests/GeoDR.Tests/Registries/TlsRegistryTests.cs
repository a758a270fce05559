using System.Text.Json.Nodes;
using GeoDR.Lab;
using GeoDR.Lab.Faults;
using GeoDR.Lab.Registries;

namespace GeoDR.Tests.Registries;

/// <summary>
/// Both registries are behind TLS with an authority of their own and want a client certificate; the primary's has a name that only
/// an HTTP proxy knows, the own one is called directly. The primary's GeoDR is behind TLS, too, as its files say.
/// </summary>
public sealed partial class TlsRegistryTests(TlsRegistryTests.Fixture fixture) : IClassFixture<TlsRegistryTests.Fixture>
{
    public sealed class Fixture : IAsyncLifetime
    {
        public const string Name = "registry.berlin.test";

        private readonly LabDirectory _directory = LabDirectory.Create("tls");

        public LabCertificates Certificates { get; private set; } = null!;
        public LabCertificates Strangers { get; private set; } = null!;
        public ForwardProxy Proxy { get; private set; } = null!;
        public DistributionRegistry Source { get; private set; } = null!;
        public DistributionRegistry Target { get; private set; } = null!;
        public TwoSites Sites { get; private set; } = null!;

        public OwnTls PrimaryTls { get; private set; } = null!;

        /// <summary>The primary's registry as the secondary must call it.</summary>
        public string SourceName => $"{Name}:{Source.Port}";

        public async ValueTask InitializeAsync()
        {
            Certificates = LabCertificates.Create(_directory.PathOf("certificates"), Name);
            Strangers = LabCertificates.Create(_directory.PathOf("strangers"), Name);
            PrimaryTls = new(_directory.PathOf("berlin-tls"), Certificates);
            Proxy = ForwardProxy.Start();
            var port = Ports.Free();
            var intake = new NotificationEndpoint("geodr", new($"http://127.0.0.1:{port}/api/v4/container_registry_event/events"), "notifies-geodr");
            Source = await DistributionRegistry.StartNewAsync(_directory.PathOf("source"), new() { Tls = Certificates, Notifications = [intake] });
            Target = await DistributionRegistry.StartNewAsync(_directory.PathOf("target"), new() { Tls = Certificates });
            Sites = await TwoSites.StartAsync(new()
            {
                CreateAdmin = false, PortsByName = new Dictionary<string, int> { [TwoSites.PrimaryName] = port }, Configure = Configure,
            });
        }

        public async ValueTask DisposeAsync()
        {
            await Sites.DisposeAsync();
            await Source.DisposeAsync();
            await Target.DisposeAsync();
            await Proxy.DisposeAsync();
            await _directory.DisposeAsync();
        }

        private void Configure(GeoSite site)
        {
            if (site.Name == TwoSites.PrimaryName)
            {
                Registry(site, "Registry", Source.Url.AbsoluteUri);
                site.Set("Tls:CertificateFile", PrimaryTls.CertificateFile).Set("Tls:KeyFile", PrimaryTls.KeyFile).AlsoAt = [PrimaryTls.Address];
                return;
            }
            site.Set("Primary:Url", PrimaryTls.Address).Set($"Peers:{TwoSites.PrimaryName}:Url", PrimaryTls.Address).Set("Primary:CaFile", Certificates.CaFile);
            Registry(site, "Primary:Registry", $"https://{SourceName}");
            Registry(site, "Registry", Target.Url.AbsoluteUri);
            site.Settings["HTTPS_PROXY"] = Proxy.Url.AbsoluteUri;
            site.Settings["HTTP_PROXY"] = Proxy.Url.AbsoluteUri;
            site.Settings["NO_PROXY"] = "127.0.0.1";
        }

        private void Registry(GeoSite site, string key, string url) => site.Set($"{key}:Url", url).Set($"{key}:AllowHttp", null)
            .Set($"{key}:CaFile", Certificates.CaFile)
            .Set($"{key}:ClientCertificateFile", Certificates.ClientCertificateFile).Set($"{key}:ClientKeyFile", Certificates.ClientKeyFile);
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Push_BetweenRegistriesWithTheirOwnAuthority_ArrivesThroughTheProxy()
    {
        using var http = fixture.Certificates.NewClient();
        var image = LabImage.Create("tls", 200_000, 10);
        await image.PushAsync(http, fixture.Source.Url, "app/tls", "v1", Stop);
        await Wait.UntilAsync(
            async token =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(fixture.Target.Url, "v2/app/tls/manifests/v1"));
                request.Headers.Accept.ParseAdd(image.MediaType);
                using var response = await http.SendAsync(request, token);
                return response.IsSuccessStatusCode && (await response.Content.ReadAsByteArrayAsync(token)).SequenceEqual(image.ManifestBytes);
            },
            TimeSpan.FromSeconds(20), () => $"app/tls did not arrive\n{fixture.Sites.Secondary.Geo.Serve?.LogTail(30)}", Stop);

        Assert.Contains(fixture.Proxy.Asked, a => a.StartsWith($"CONNECT {fixture.SourceName} ", StringComparison.Ordinal));
        Assert.DoesNotContain(fixture.Proxy.Asked, a => a.Contains("127.0.0.1", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Check_CertificatesAsTheyShouldBe_Passes()
    {
        var lines = await CheckAsync();
        Assert.Equal(["pass", "pass", "pass", "pass"], lines.Where(l => l.Name is "own registry" or "primary registry" or "two registries").Select(l => l.Result));
    }

    [Fact]
    public async Task Check_CertificatesOfStrangers_NamesTheSettings()
    {
        var lines = await CheckAsync(
            ("Registry:ClientCertificateFile", fixture.Strangers.ClientCertificateFile), ("Registry:ClientKeyFile", fixture.Strangers.ClientKeyFile),
            ("Primary:Registry:CaFile", fixture.Strangers.CaFile));
        AssertFailed(lines, "own registry", "takes no certificate such as that in Geo:Registry:ClientCertificateFile");
        AssertFailed(lines, "primary registry", "Geo:Primary:Registry:CaFile does not hold the authority");
    }

    [Fact]
    public async Task Check_NoCertificateAndAnotherName_NamesTheSettings()
    {
        var lines = await CheckAsync(
            ("Primary:Registry:ClientCertificateFile", ""), ("Primary:Registry:ClientKeyFile", ""), ("Registry:Url", $"https://localhost:{fixture.Target.Port}"),
            ("Registry:AllowHttp", "false"));
        AssertFailed(lines, "primary registry", "set Geo:Primary:Registry:ClientCertificateFile and Geo:Primary:Registry:ClientKeyFile");
        AssertFailed(lines, "own registry", "the name that the registry's certificate is for in Geo:Registry:Url");
    }

    [Fact]
    public async Task Check_FilesThatCannotBeUsed_AreFaultsOfTheSettings()
    {
        var lines = await CheckAsync(("Registry:CaFile", fixture.Strangers.ClientKeyFile), ("Primary:Registry:ClientKeyFile", fixture.Strangers.ClientKeyFile));
        Assert.Equal(["Geo:Primary:Registry:ClientCertificateFile", "Geo:Registry:CaFile"], lines.Select(l => l.Detail).Order());
        Assert.All(lines, l => Assert.Contains("in PEM", l.Mend, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Check_PlainHttpByAName_GoesThroughTheProxyToo()
    {
        var address = $"http://{Fixture.Name}:{fixture.Sites.Primary.Registry.Port}";
        var lines = await CheckAsync(("Primary:Registry:Url", address), ("Primary:Registry:AllowHttp", "true"));
        Assert.Equal("pass", Assert.Single(lines, l => l.Name == "primary registry").Result);
        Assert.Contains(fixture.Proxy.Asked, a => a.StartsWith($"GET {address}/v2/", StringComparison.Ordinal));
    }

    private static void AssertFailed(List<(string Name, string Result, string Detail, string? Mend)> lines, string name, string mend)
    {
        var failed = Assert.Single(lines, l => l.Name == name && l.Result == "fail");
        Assert.Contains(mend, failed.Mend, StringComparison.Ordinal);
        // The line begins with the name: the words behind it do not say it again.
        Assert.DoesNotContain(name, failed.Detail, StringComparison.Ordinal);
    }

    private async Task<List<(string Name, string Result, string Detail, string? Mend)>> CheckAsync(params (string Key, string Value)[] changed)
    {
        var environment = new Dictionary<string, string>(fixture.Sites.Secondary.Geo.Settings);
        foreach (var (key, value) in changed)
            environment["Geo__" + key.Replace(":", "__", StringComparison.Ordinal)] = value;
        var result = await GeoProgram.RunAsync(["check", "--json"], environment, cancellationToken: Stop);
        TestContext.Current.TestOutputHelper!.WriteLine(result.Output);
        return [.. JsonNode.Parse(result.Output)!.AsArray().Select(l => ((string)l!["name"]!, (string)l["result"]!, (string)l["detail"]!, (string?)l["mend"]))];
    }
}
