using System.Text.Json.Nodes;
using GeoDR.Lab;

namespace GeoDR.Tests.Cli;

/// <summary><c>geodr check</c> with one setting wrong at a time: it says which, and the mend.</summary>
public sealed class CheckTests(CheckTests.Fixture fixture) : IClassFixture<CheckTests.Fixture>
{
    public sealed class Fixture : IAsyncLifetime
    {
        public TwoSites Sites { get; private set; } = null!;

        /// <summary>A key that no registry knows.</summary>
        public SigningKey Stranger { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Sites = await TwoSites.StartAsync(new() { CreateAdmin = false });
            Stranger = SigningKey.Create(Sites.Directory.PathOf("stranger"), "stranger");
        }

        public async ValueTask DisposeAsync()
        {
            Stranger.Dispose();
            await Sites.DisposeAsync();
        }
    }

    private const string FakeTime = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

    private GeoSite Secondary => fixture.Sites.Secondary.Geo;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Check_NothingWrong_PassesWhole()
    {
        foreach (var site in new[] { Secondary, fixture.Sites.Primary.Geo })
        {
            var (code, lines) = await CheckAsync(site, []);
            Assert.All(lines, line => Assert.Equal("pass", line.Result));
            Assert.Equal(0, code);
        }
        Assert.Equal(0, (await Secondary.RunAsync("check")).ExitCode);
    }

    [Fact]
    public async Task Check_WrongDatabasePassword_NamesTheSetting() =>
        Assert.Contains("Password in Geo:Database", await MendAsync("database", ("Database", Secondary.Settings["Geo__Database"] + ";Password=wrong")), StringComparison.Ordinal);

    [Fact]
    public async Task Check_KeyThatTheRegistriesDoNotTrust_NamesTheirCertificates()
    {
        var keys = new[] { ("Tokens:KeyFile", fixture.Stranger.KeyFile), ("Tokens:CertificateFile", fixture.Stranger.CertificateFile) };
        Assert.Contains("rootcertbundle", await MendAsync("primary registry", keys), StringComparison.Ordinal);
        Assert.Contains("rootcertbundle", await MendAsync("own registry", keys), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_WrongIssuer_NamesTheIssuer() =>
        Assert.Contains("Geo:Tokens:Issuer must equal auth.token.issuer", await MendAsync("primary registry", ("Tokens:Issuer", "somebody")), StringComparison.Ordinal);

    [Fact]
    public async Task Check_WrongService_NamesTheOneThatTheRegistryAsksFor()
    {
        Assert.Contains("'madrid-registry': set Geo:Registry:Service", await MendAsync("own registry", ("Registry:Service", "berlin-registry")), StringComparison.Ordinal);
        Assert.Contains("'berlin-registry': set Geo:Primary:Registry:Service", await MendAsync("primary registry", ("Primary:Registry:Service", "x")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("+10m", "ahead")]
    [InlineData("-10m", "behind")]
    public async Task Check_ClockOffByTenMinutes_NamesTheClock(string offset, string direction)
    {
        var (code, lines) = await CheckAsync(Secondary, new() { ["LD_PRELOAD"] = FakeTime, ["FAKETIME"] = offset, ["DONT_FAKE_MONOTONIC"] = "1" });
        Assert.Equal(1, code);
        var clocks = lines.Where(l => l.Name.StartsWith("clock against", StringComparison.Ordinal)).ToList();
        Assert.Equal(4, clocks.Count);
        Assert.All(clocks, clock =>
        {
            Assert.Equal("fail", clock.Result);
            Assert.Matches($"this machine is (59[0-9]|60[0-9]) s {direction}", clock.Detail);
            Assert.Contains("NTP", clock.Mend, StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task Check_KeyThatDoesNotMatchTheCertificate_NamesBothFiles() =>
        Assert.Contains("Geo:Tokens:KeyFile and Geo:Tokens:CertificateFile", await MendAsync("token key", ("Tokens:KeyFile", fixture.Stranger.KeyFile)), StringComparison.Ordinal);

    [Fact]
    public async Task Check_WrongNotificationSecret_NamesIt() =>
        Assert.Contains("Geo:Notifications:Secrets", await MendAsync("notification secret", ("Notifications:Secrets:0", "another")), StringComparison.Ordinal);

    [Theory]
    [InlineData("127.0.0.1", "Geo:Primary:Registry:Url")]
    [InlineData("localhost", "name the primary's in Geo:Primary:Registry:Url")]
    public async Task Check_BothRegistriesTheSame_IsNoticed(string host, string mend)
    {
        var url = $"http://{host}:{fixture.Sites.Secondary.Registry.Url.Port}";
        var (code, lines) = await CheckAsync(Secondary, new() { ["Geo__Primary__Registry__Url"] = url });
        Assert.NotEqual(0, code);
        Assert.Contains(lines, l => l.Result == "fail" && (l.Detail + l.Mend).Contains(mend, StringComparison.Ordinal));
    }

    private async Task<string> MendAsync(string name, params (string Key, string Value)[] settings)
    {
        var (code, lines) = await CheckAsync(Secondary, settings.ToDictionary(s => "Geo__" + s.Key.Replace(":", "__", StringComparison.Ordinal), s => s.Value));
        Assert.Equal(1, code);
        return Assert.Single(lines, l => l.Name == name && l.Result == "fail").Mend!;
    }

    private static async Task<(int Code, List<(string Name, string Result, string Detail, string? Mend)> Lines)> CheckAsync(GeoSite site, Dictionary<string, string> changed)
    {
        var environment = new Dictionary<string, string>(site.Settings);
        foreach (var (key, value) in changed)
            environment[key] = value;
        var result = await GeoProgram.RunAsync(["check", "--json"], environment, cancellationToken: Stop);
        TestContext.Current.TestOutputHelper!.WriteLine(result.Output);
        var lines = JsonNode.Parse(result.Output)!.AsArray()
            .Select(l => ((string)l!["name"]!, (string)l["result"]!, (string)l["detail"]!, (string?)l["mend"])).ToList();
        return (result.ExitCode, lines);
    }
}
