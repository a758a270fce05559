using GeoDR.Lab.Registries;
using GeoDR.Registry;
using Digest = GeoDR.Registry.Digest;

namespace GeoDR.Core.Tests.Registry;

/// <summary>The client against what registries may do, by the lab's registry.</summary>
public sealed class ClientFaultTests : IAsyncLifetime
{
    private LabRegistry _registry = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _registry = await LabRegistry.StartAsync();

    public async ValueTask DisposeAsync() => await _registry.DisposeAsync();

    [Fact]
    public async Task Blob_RedirectedToAnotherHost_GetsNoCredentials()
    {
        var image = LabImage.Create("redirect", 5000);
        _registry.Seed("app/redirect", "v1", image);
        _registry.Switches.Auth = new LabTokenServiceAuth(new LabUser("user", "secret"));
        _registry.Switches.RedirectBlobs = true;
        _registry.ObjectStorage.RefuseAuthorization = true;
        using var client = Clients.Of(_registry.Url, "user", "secret");
        foreach (var (digest, bytes) in image.Blobs)
            Assert.Equal(bytes[3..], await client.ReadAllAsync("app/redirect", digest, 3, Stop));
        Assert.Equal(image.Blobs.Count, _registry.ObjectStorage.Requests.Recent.Count);
        Assert.DoesNotContain(_registry.ObjectStorage.Requests.Recent, r => r.HasAuthorization);
        Assert.True(await client.HasBlobAsync("app/redirect", Digest.Parse(image.Blobs.Keys.First()), Stop));
    }

    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("*.0.0.1", true)]
    [InlineData("storage.example", false)]
    public async Task Redirect_OfABlob_IsHeldToTheHostsThatAreNamed(string host, bool taken)
    {
        var image = LabImage.Create("redirect-host", 5000);
        _registry.Seed("app/redirect", "v1", image);
        _registry.Switches.RedirectBlobs = true;
        using var client = Clients.Of(_registry.Url, blobHosts: host);
        var (digest, bytes) = image.Blobs.First();
        if (taken)
        {
            Assert.Equal(bytes, await client.ReadAllAsync("app/redirect", digest, 0, Stop));
            return;
        }
        var e = await Assert.ThrowsAsync<RegistryException>(() => client.ReadAllAsync("app/redirect", digest, 0, Stop));
        Assert.Contains("127.0.0.1, which is not among the registry's BlobHosts", e.Message, StringComparison.Ordinal);
        Assert.Empty(_registry.ObjectStorage.Requests.Recent);
    }

    [Fact]
    public async Task Unauthorized_Once_IsTriedAgainWithANewToken()
    {
        using var client = await AuthorizedAsync();
        var answer = _registry.Switches.AnswerNext(1, 401, "GET", "tags/list");
        Assert.Equal(["v1"], await client.ListTagsAsync("app/one", Stop).AllAsync());
        Assert.Equal(1, answer.Hits);
        Assert.Equal(2, _registry.Requests.Count(kind: RequestKind.Tags));
        Assert.Equal(2, _registry.Requests.Count(kind: RequestKind.Token));
    }

    [Fact]
    public async Task Unauthorized_Twice_IsRefusedAfterOneRetry()
    {
        using var client = await AuthorizedAsync();
        _registry.Switches.AnswerNext(5, 401, "GET", "tags/list");
        var e = await Assert.ThrowsAsync<RegistryException>(() => client.ListTagsAsync("app/one", Stop).AllAsync());
        Assert.True(e.IsRefused);
        Assert.True(e.HasCode("UNAUTHORIZED"));
        Assert.Equal(2, _registry.Requests.Count(kind: RequestKind.Tags));
    }

    [Fact]
    public async Task Unauthorized_InTheMiddleOfAnUpload_IsNotSentTwice()
    {
        using var client = await AuthorizedAsync();
        _registry.Switches.AnswerNext(5, 401, "PUT", "blobs/uploads");
        var bytes = new byte[100];
        var upload = await client.StartUploadAsync("app/one", null, Stop);
        await Assert.ThrowsAsync<RegistryException>(() => client.CompleteUploadAsync(upload!, Digest.OfSha256(bytes), new ByteArrayContent(bytes), Stop));
        Assert.Equal(1, _registry.Requests.Count("PUT", RequestKind.Upload));
    }

    [Fact]
    public async Task Realm_ThatNobodyAllowed_GetsNoCredentials()
    {
        await using var elsewhere = await LabRegistry.StartAsync();
        _registry.Switches.Auth = new LabTokenServiceAuth(new LabUser("user", "secret"))
        {
            Realm = new UriBuilder(elsewhere.Url) { Host = "localhost", Path = "token" }.Uri.AbsoluteUri,
        };
        using var client = Clients.Of(_registry.Url, "user", "secret");
        var e = await Assert.ThrowsAsync<RegistryException>(() => client.ListTagsAsync("app/one", Stop).AllAsync());
        Assert.Contains("Realms", e.Message, StringComparison.Ordinal);
        Assert.Equal(0, elsewhere.Requests.Total);
    }

    [Fact]
    public async Task Credentials_NoneSet_SaysWhatToSet()
    {
        _registry.Switches.Auth = new LabTokenServiceAuth(new LabUser("user", "secret"));
        using var client = Clients.Of(_registry.Url);
        var e = await Assert.ThrowsAsync<RegistryException>(() => client.PingAsync(Stop));
        Assert.Contains("give Username and Password, or Geo:Tokens", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BasicAuth_IsSentWithEveryRequest()
    {
        _registry.Seed("app/one", "v1", LabImage.Create("basic", 10));
        _registry.Switches.Auth = new LabBasicAuth(new LabUser("user", "secret"));
        using var client = Clients.Of(_registry.Url, "user", "secret");
        Assert.Equal(["v1"], await client.ListTagsAsync("app/one", Stop).AllAsync());
        using var wrong = Clients.Of(_registry.Url, "user", "wrong");
        Assert.True((await Assert.ThrowsAsync<RegistryException>(() => wrong.ListTagsAsync("app/one", Stop).AllAsync())).IsRefused);
    }

    [Fact]
    public async Task Catalog_OfManyPages_FollowsTheLinks()
    {
        _registry.SeedGenerated(250, LabImage.Create("many", 10));
        using var client = Clients.Of(_registry.Url);
        var all = await client.ListCatalogAsync(null, 100, Stop).AllAsync();
        Assert.Equal(Enumerable.Range(0, 250).Select(i => $"gen/{i:000000}"), all);
        Assert.Equal(3, _registry.Requests.Count(kind: RequestKind.Catalog));
        Assert.Equal(9, (await client.ListCatalogAsync("gen/000240", 100, Stop).AllAsync()).Count);
    }

    [Fact]
    public async Task Catalog_OfACapBelowThePage_IsReadInSmallPagesFromThenOn()
    {
        _registry.SeedGenerated(250, LabImage.Create("many", 10));
        _registry.Switches.CatalogMaxPage = 100;
        using var client = Clients.Of(_registry.Url);
        Assert.Equal(250, (await client.ListCatalogAsync(null, RegistryClient.CatalogPage, Stop).AllAsync()).Count);
        Assert.Equal(4, _registry.Requests.Count(kind: RequestKind.Catalog));
        Assert.Equal(150, (await client.ListCatalogAsync("gen/000099", RegistryClient.CatalogPage, Stop).AllAsync()).Count);
        Assert.Equal(6, _registry.Requests.Count(kind: RequestKind.Catalog));
    }

    [Theory]
    [InlineData(CatalogMode.Error)]
    [InlineData(CatalogMode.CutBody)]
    [InlineData(CatalogMode.Off)]
    public async Task Catalog_ThatCannotBeRead_IsAnErrorNeverAnEmptyList(CatalogMode mode)
    {
        _registry.SeedGenerated(250, LabImage.Create("many", 10));
        _registry.Switches.Catalog = mode;
        using var client = Clients.Of(_registry.Url);
        await Assert.ThrowsAsync<RegistryException>(() => client.ListCatalogAsync(null, 100, Stop).AllAsync());
    }

    [Theory]
    [InlineData(Corruption.FlipBit)]
    [InlineData(Corruption.Truncate)]
    public async Task Manifest_WithWrongBytes_IsNotTaken(Corruption corruption)
    {
        var image = LabImage.Create("manifest", 10);
        _registry.Seed("app/one", "v1", image);
        _registry.Switches.Corrupt[image.Digest] = corruption;
        using var client = Clients.Of(_registry.Url);
        await Assert.ThrowsAsync<WrongContentException>(() => client.GetManifestAsync("app/one", "v1", Stop));
        await Assert.ThrowsAsync<WrongContentException>(() => client.GetManifestAsync("app/one", image.Digest, Stop));
    }

    [Fact]
    public async Task Mount_WhereTheRegistryWillNot_BeginsAnUpload()
    {
        var image = LabImage.Create("mount", 10);
        _registry.Seed("app/one", "v1", image);
        var digest = Digest.Parse(image.Blobs.Keys.First());
        using var client = Clients.Of(_registry.Url);
        Assert.Null(await client.StartUploadAsync("app/two", (digest, "app/one"), Stop));
        Assert.True(await client.HasBlobAsync("app/two", digest, Stop));
        _registry.Switches.Mount = false;
        _registry.Switches.RelativeLocations = true;
        var upload = await client.StartUploadAsync("app/three", (digest, "app/one"), Stop);
        await client.CompleteUploadAsync(upload!, digest, new ByteArrayContent(image.Blobs.Values.First()), Stop);
        Assert.True(await client.HasBlobAsync("app/three", digest, Stop));
    }

    [Fact]
    public async Task Error_OfTheRegistry_KeepsItsOwnWords()
    {
        _registry.Switches.AnswerNext(1, 429, "GET", "tags/list", TimeSpan.FromMinutes(7));
        using var client = Clients.Of(_registry.Url);
        var e = await Assert.ThrowsAsync<RegistryException>(() => client.ListTagsAsync("app/one", Stop).AllAsync());
        Assert.True(e.HasCode("TOOMANYREQUESTS"));
        Assert.Equal(TimeSpan.FromMinutes(7), e.RetryAfter);
        Assert.Contains("test registry: GET", e.Message, StringComparison.Ordinal);
    }

    private async Task<GeoDR.Registry.RegistryClient> AuthorizedAsync()
    {
        _registry.Seed("app/one", "v1", LabImage.Create("authorized", 10));
        _registry.Switches.Auth = new LabTokenServiceAuth(new LabUser("user", "secret"));
        var client = Clients.Of(_registry.Url, "user", "secret");
        await client.PingAsync(Stop);
        return client;
    }
}
