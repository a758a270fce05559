using System.Net;
using System.Net.Http.Headers;
using GeoDR.Lab;
using GeoDR.Lab.Registries;
using GeoDR.Registry;
using GeoDR.Tokens;
using Digest = GeoDR.Registry.Digest;
using RegistryClient = GeoDR.Registry.RegistryClient;

namespace GeoDR.Core.Tests.Registry;

/// <summary>The client and its own tokens against Debian's docker-registry.</summary>
public sealed class DistributionTests(TrustingRegistry fixture) : IClassFixture<TrustingRegistry>
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task OwnTokens_OfEachAlgorithm_PushAndPull(bool rsa)
    {
        using var client = Client(rsa ? fixture.Rsa : fixture.Curve);
        var name = rsa ? "app/rsa" : "app/curve";
        var image = LabImage.Create(name, 300_000, 10);
        await client.PushAsync(name, "v1", image, Stop);

        Assert.Equal(TrustingRegistry.Service, client.Challenge!.Service);
        Assert.Equal(Digest.Parse(image.Digest), await client.HeadManifestAsync(name, "v1", Stop));
        var manifest = await client.GetManifestAsync(name, "v1", Stop);
        Assert.Equal(image.ManifestBytes, manifest!.Bytes.ToArray());
        Assert.Equal(["v1"], await client.ListTagsAsync(name, Stop).AllAsync());
        Assert.Contains(name, await client.ListCatalogAsync(null, 1, Stop).AllAsync());
        foreach (var (digest, bytes) in image.Blobs)
            Assert.Equal(bytes[5..], await client.ReadAllAsync(name, digest, 5, Stop));
        Assert.Null(await client.GetManifestAsync(name, "v2", Stop));
        Assert.False(await client.HasBlobAsync(name, Digest.OfSha256("never"u8), Stop));
    }

    [Fact]
    public async Task OwnTokens_TheRegistryDoesNotTrust_AreRefused()
    {
        foreach (var client in new[]
        {
            Client(fixture.Stranger), Client(fixture.Rsa, issuer: "another"), Client(fixture.Rsa, service: "another"),
            Client(fixture.Rsa, clock: new LabRegistries.SettableClock { Now = TimeProvider.System.GetUtcNow().AddMinutes(-10) }),
            Client(fixture.Rsa, clock: new LabRegistries.SettableClock { Now = TimeProvider.System.GetUtcNow().AddMinutes(10) }),
        })
        {
            using var used = client;
            var e = await Assert.ThrowsAsync<RegistryException>(() => used.HeadManifestAsync("app/rsa", "v1", Stop));
            Assert.True(e.IsRefused, e.Message);
        }
    }

    [Fact]
    public async Task CancelUpload_WithoutTheRightToDelete_LeavesItToExpire()
    {
        using var client = Client(fixture.Rsa);
        var upload = (await client.StartUploadAsync("app/given-up", null, Stop))!;
        Assert.False(await client.CancelUploadAsync(upload, Stop));
        Assert.NotNull(await client.UploadStatusAsync(upload, Stop));
    }

    [Fact]
    public async Task PullToken_ForOneRepository_OpensNothingElse()
    {
        using var client = Client(fixture.Rsa);
        await client.PushAsync("only/this", "v1", LabImage.Create("only", 10), Stop);
        await client.PushAsync("not/this", "v1", LabImage.Create("only", 10), Stop);
        using var http = new HttpClient { BaseAddress = fixture.Registry.Url };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Bearer", Signer(fixture.Rsa).Sign(TrustingRegistry.Service, [new Scope("only/this", false)]));

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(http, HttpMethod.Get, "v2/only/this/tags/list"));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(http, HttpMethod.Get, "v2/not/this/tags/list"));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(http, HttpMethod.Post, "v2/only/this/blobs/uploads/"));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(http, HttpMethod.Delete, "v2/only/this/manifests/" + LabImage.Create("only", 10).Digest));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(http, HttpMethod.Get, "v2/_catalog"));
    }

    [Fact]
    public async Task Catalog_InSmallPages_GivesEachNameOnce()
    {
        using var client = Client(fixture.Rsa);
        var names = Enumerable.Range(0, 7).Select(i => $"paged/r{i}").ToList();
        foreach (var name in names)
            await client.PushAsync(name, "v1", LabImage.Create("paged", 10), Stop);
        var all = await client.ListCatalogAsync(null, 2, Stop).AllAsync();
        Assert.Equal(all.Distinct().Count(), all.Count);
        Assert.Empty(names.Except(all));
        Assert.Equal(names[4..], (await client.ListCatalogAsync(names[3], 2, Stop).AllAsync()).Where(n => n.StartsWith("paged/", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(Corruption.FlipBit)]
    [InlineData(Corruption.Truncate)]
    [InlineData(Corruption.WrongLength)]
    public async Task Blob_WithWrongBytesAtTheSource_IsNeverCommitted(Corruption corruption)
    {
        var image = LabImage.Create($"wrong-{corruption}", 700_000);
        var (digest, bytes) = image.Blobs.Last();
        await using var source = await LabRegistry.StartAsync();
        source.Seed("app/wrong", "v1", image);
        source.Switches.Corrupt[digest] = corruption;
        await using var lab = await LabRegistry.StartAsync();
        using var from = Clients.Of(source.Url);
        foreach (var target in new[] { Clients.Of(lab.Url), Client(fixture.Rsa) })
        {
            using var to = target;
            await Assert.ThrowsAnyAsync<Exception>(() => CopyAsync(from, to, digest, bytes.Length));
            Assert.False(await to.HasBlobAsync("app/wrong", Digest.Parse(digest), Stop));
            source.Switches.Corrupt.Clear();
            await CopyAsync(from, to, digest, bytes.Length);
            Assert.Equal(bytes, await to.ReadAllAsync("app/wrong", digest, 0, Stop));
            source.Switches.Corrupt[digest] = corruption;
        }
    }

    private static async Task CopyAsync(RegistryClient from, RegistryClient to, string digest, long size)
    {
        // Its pauses between the tries at a source that breaks off are not what is tried here.
        await using var blob = new BlobReader(from, "app/wrong", Digest.Parse(digest), 0, new Sync.JumpingTime(TimeProvider.System.GetUtcNow()));
        var served = await blob.OpenAsync(Stop);
        var upload = await to.StartUploadAsync("app/wrong", null, Stop);
        await to.CompleteUploadAsync(upload!, Digest.Parse(digest), new VerifiedBlobContent(blob, Digest.Parse(digest), size, served, (_, _) => ValueTask.CompletedTask), Stop);
    }

    private RegistryClient Client(SigningKey key, string issuer = TrustingRegistry.Issuer, string? service = null, TimeProvider? clock = null) =>
        Clients.Of(fixture.Registry.Url, signer: Signer(key, issuer, clock), service: service);

    private static TokenSigner Signer(SigningKey key, string issuer = TrustingRegistry.Issuer, TimeProvider? clock = null) =>
        new(TokenKey.Load(key.KeyFile, key.CertificateFile), issuer, "geodr-test", TimeSpan.FromMinutes(5), clock ?? TimeProvider.System);

    private static async Task<HttpStatusCode> StatusAsync(HttpClient http, HttpMethod method, string path)
    {
        using var response = await http.SendAsync(new HttpRequestMessage(method, path), Stop);
        return response.StatusCode;
    }
}
