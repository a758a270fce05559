using GeoDR.Lab.Registries;
using System.Net;

// Not GeoDR.Core.Tests.Lab: that has a helper named LabRegistry too, which would hide the registry itself.
namespace GeoDR.Core.Tests.LabRegistries;

public sealed class LabRegistrySwitchTests : IAsyncLifetime
{
    readonly SettableClock _clock = new();
    readonly LabImage _image = LabImage.Create("switch", 4000);
    LabRegistry _registry = null!;
    RegistryCalls _calls = null!;

    string Layer => _image.Blobs.Last().Key;

    public async ValueTask InitializeAsync()
    {
        _registry = await LabRegistry.StartAsync(new() { Time = _clock });
        _registry.Seed("app/one", "v1", _image);
        _calls = new RegistryCalls(_registry.Url);
    }

    public async ValueTask DisposeAsync()
    {
        _calls.Dispose();
        await _registry.DisposeAsync();
    }

    [Fact]
    public async Task Referrers_OnAndOff_AnswersIndexOrNotFound()
    {
        var signature = LabImage.Referrer("sig", _image, "application/vnd.example.signature");
        await _calls.PushAsync("app/one", null, signature);

        var index = await _calls.JsonAsync($"v2/app/one/referrers/{_image.Digest}?artifactType=application/vnd.example.signature");
        Assert.Equal(signature.Digest, (string?)index["manifests"]!.AsArray().Single()!["digest"]);
        var other = await _calls.JsonAsync($"v2/app/one/referrers/{_image.Digest}?artifactType=text/other");
        Assert.Empty(other["manifests"]!.AsArray());

        _registry.Switches.Referrers = false;
        await ExpectAsync(404, $"v2/app/one/referrers/{_image.Digest}");
    }

    [Fact]
    public async Task DeleteByTag_OnAndOff_RemovesOrRefuses()
    {
        _registry.Switches.DeleteByTag = false;
        using var refused = await _calls.SendAsync(HttpMethod.Delete, "v2/app/one/manifests/v1");
        _registry.Switches.DeleteByTag = true;
        using var deleted = await _calls.SendAsync(HttpMethod.Delete, "v2/app/one/manifests/v1");
        using var left = await _calls.ManifestAsync(HttpMethod.Head, "app/one", _image.Digest);
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Equal(HttpStatusCode.Accepted, deleted.StatusCode);
        Assert.Equal(HttpStatusCode.OK, left.StatusCode);
    }

    [Fact]
    public async Task Catalog_InEachMode_AnswersAsNamed()
    {
        _registry.Seed("app/two", "v1", _image).Seed("app/three", "v1", _image).Seed("app/four", "v1", _image);
        _registry.Switches.Catalog = CatalogMode.Off;
        await ExpectAsync(404, "v2/_catalog");
        _registry.Switches.Catalog = CatalogMode.Error;
        await ExpectAsync(500, "v2/_catalog");
        _registry.Switches.Catalog = CatalogMode.Empty;
        Assert.Empty(await _calls.WalkAsync("v2/_catalog", "repositories"));
        _registry.Switches.Catalog = CatalogMode.HalfPage;
        Assert.Equal(["app/four", "app/one"], await _calls.WalkAsync("v2/_catalog", "repositories"));
        _registry.Switches.Catalog = CatalogMode.CutBody;
        using var cut = await _calls.GetAsync("v2/_catalog");
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => cut.Content.ReadAsByteArrayAsync(RegistryCalls.Cancel));
    }

    [Fact]
    public async Task TagLinkDelay_UntilLinked_ShowsTheOldManifest()
    {
        var newer = LabImage.Create("newer", 10);
        _registry.Switches.TagLinkDelay = TimeSpan.FromSeconds(3);
        await _calls.PushAsync("app/one", "v1", newer);

        Assert.Equal(_image.Digest, await TagAsync());
        using var byDigest = await _calls.ManifestAsync(HttpMethod.Head, "app/one", newer.Digest);
        Assert.Equal(HttpStatusCode.OK, byDigest.StatusCode);
        _clock.Now += TimeSpan.FromSeconds(3);
        Assert.Equal(newer.Digest, await TagAsync());

        async Task<string> TagAsync()
        {
            using var head = await _calls.ManifestAsync(HttpMethod.Head, "app/one", "v1");
            return head.Headers.GetValues("Docker-Content-Digest").Single();
        }
    }

    [Fact]
    public async Task RedirectBlobs_ToObjectStorage_SignsForAWhile()
    {
        _registry.Switches.RedirectBlobs = true;
        using var redirect = await _calls.GetAsync($"v2/app/one/blobs/{Layer}");
        Assert.Equal(HttpStatusCode.TemporaryRedirect, redirect.StatusCode);
        var signed = redirect.Headers.Location!;
        Assert.NotEqual(_registry.Authority, signed.Authority);

        using var part = await _calls.SendAsync(HttpMethod.Get, signed.ToString(), r => r.Headers.Range = new(10, 19));
        Assert.Equal(_image.Blobs[Layer][10..20], await part.Content.ReadAsByteArrayAsync(RegistryCalls.Cancel));
        using var careless = await _calls.SendAsync(HttpMethod.Get, signed.ToString(), r => r.Headers.Authorization = RegistryCalls.Basic("a", "b"));
        Assert.Equal([false, true], _registry.ObjectStorage.Requests.Recent.Select(r => r.HasAuthorization));

        _clock.Now += _registry.Switches.RedirectLifetime;
        await ExpectAsync(403, signed.ToString());
    }

    [Theory]
    [InlineData(Corruption.FlipBit)]
    [InlineData(Corruption.Truncate)]
    [InlineData(Corruption.WrongLength)]
    public async Task Corrupt_OfADigest_SpoilsItsBytesOnly(Corruption corruption)
    {
        _registry.Switches.Corrupt[Layer] = corruption;
        using var answer = await _calls.GetAsync($"v2/app/one/blobs/{Layer}");
        if (corruption == Corruption.WrongLength)
        {
            Assert.Equal(4000, answer.Content.Headers.ContentLength);
            await Assert.ThrowsAnyAsync<HttpRequestException>(() => answer.Content.ReadAsByteArrayAsync(RegistryCalls.Cancel));
        }
        else
        {
            var bytes = await answer.Content.ReadAsByteArrayAsync(RegistryCalls.Cancel);
            Assert.Equal(corruption == Corruption.Truncate ? 2000 : 4000, bytes.Length);
            Assert.NotEqual(Layer, LabDigest.Sha256(bytes));
        }

        _registry.Switches.Corrupt.Clear();
        using var good = await _calls.GetAsync($"v2/app/one/blobs/{Layer}");
        Assert.Equal(_image.Blobs[Layer], await good.Content.ReadAsByteArrayAsync(RegistryCalls.Cancel));
    }

    [Fact]
    public async Task SeedGenerated_ManyRepositories_AllAnswerAndOneCanChange()
    {
        _registry.SeedGenerated(20_000, _image);
        var names = await _calls.WalkAsync("v2/_catalog?n=1000", "repositories");
        Assert.Equal(20_001, names.Distinct().Count());
        Assert.Equal(names.Order(StringComparer.Ordinal), names);

        await _calls.PushAsync("gen/000123", "own", LabImage.Create("own", 10));
        Assert.Equal(["latest", "own"], await _calls.WalkAsync("v2/gen/000123/tags/list", "tags"));
        Assert.Equal(["latest"], await _calls.WalkAsync("v2/gen/000124/tags/list", "tags"));
        Assert.Equal(20_001, (await _calls.WalkAsync("v2/_catalog?n=1000", "repositories")).Count);
    }

    [Fact]
    public async Task AnswerNext_ForMatchingRequests_AnswersThatOften()
    {
        var scripted = _registry.Switches.AnswerNext(2, 429, "GET", "/tags/list$", TimeSpan.FromSeconds(7));
        using var first = await _calls.GetAsync("v2/app/one/tags/list");
        Assert.Equal(HttpStatusCode.TooManyRequests, first.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(7), first.Headers.RetryAfter!.Delta);
        await ExpectAsync(200, "v2/");
        await ExpectAsync(429, "v2/app/one/tags/list");
        await ExpectAsync(200, "v2/app/one/tags/list");
        Assert.Equal(2, scripted.Hits);
    }

    [Fact]
    public async Task BrokenRepository_OnEveryRequest_IsAnError()
    {
        _registry.Seed("app/two", "v1", _image).Switches.BrokenRepositories["app/one"] = true;
        await ExpectAsync(500, "v2/app/one/tags/list");
        await ExpectAsync(200, "v2/app/two/tags/list");
    }

    [Fact]
    public async Task PutManifest_RefusedTypeSizeOrTag_IsAnswered()
    {
        var other = LabImage.Create("other", 10);
        await _calls.PushAsync("app/one", "other", other);
        _registry.Switches.ImmutableTags = true;
        using var immutable = await _calls.PutManifestAsync("app/one", "v1", other);
        using var same = await _calls.PutManifestAsync("app/one", "v1", _image);
        Assert.Equal(HttpStatusCode.Conflict, immutable.StatusCode);
        Assert.Equal(HttpStatusCode.Created, same.StatusCode);

        _registry.Switches.MaxManifestSize = 100;
        using var large = await _calls.PutManifestAsync("app/one", "new", other);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.StatusCode);

        _registry.Switches.MaxManifestSize = 4 << 20;
        _registry.Switches.RefusedManifestTypes[LabMediaTypes.OciManifest] = 415;
        using var refused = await _calls.PutManifestAsync("app/one", "new", other);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, refused.StatusCode);
        Assert.Equal("MANIFEST_INVALID", await RegistryCalls.ErrorCodeAsync(refused));
    }

    [Fact]
    public async Task Patch_OutOfOrder_Is416WithTheOffset()
    {
        using var first = await _calls.PatchAsync(await _calls.BeginUploadAsync("app/one"), new byte[100], 0);
        using var misplaced = await _calls.PatchAsync(first.Headers.Location!.ToString(), new byte[100], 50);
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, misplaced.StatusCode);
        Assert.Equal("0-99", misplaced.Headers.GetValues("Range").Single());
    }

    [Fact]
    public async Task Upload_PastTheSpillThreshold_KeepsItsBytes()
    {
        var bytes = LabImage.Create("large", 3 << 20).Blobs.Last().Value;
        var digest = LabDigest.Sha256(bytes);
        using var done = await _calls.SendAsync(HttpMethod.Post, $"v2/app/large/blobs/uploads/?digest={digest}", null, bytes);
        Assert.Equal(HttpStatusCode.Created, done.StatusCode);
        using var blob = await _calls.GetAsync($"v2/app/large/blobs/{digest}");
        Assert.Equal(digest, LabDigest.Sha256(await blob.Content.ReadAsByteArrayAsync(RegistryCalls.Cancel)));
    }

    [Fact]
    public async Task Tags_WithNAndLast_ArePaged()
    {
        _registry.Seed("app/one", "v2", _image).Seed("app/one", "v3", _image);
        var page = await _calls.JsonAsync("v2/app/one/tags/list?n=2");
        Assert.Equal(["v1", "v2"], page["tags"]!.AsArray().Select(t => (string?)t));
        Assert.Equal(["v1", "v2", "v3"], await _calls.WalkAsync("v2/app/one/tags/list?n=2", "tags"));
    }

    [Fact]
    public async Task Requests_ByMethodKindAndAgent_AreCounted()
    {
        await _calls.SendAsync(HttpMethod.Get, "v2/app/one/tags/list", r => r.Headers.TryAddWithoutValidation("User-Agent", "geodr/1.2"));
        await _calls.GetAsync("v2/");
        Assert.Equal(1, _registry.Requests.Count("GET", RequestKind.Tags, "geodr/"));
        Assert.Equal(0, _registry.Requests.Count("GET", RequestKind.Ping, "geodr/"));
        Assert.Equal(2, _registry.Requests.Total);
        Assert.Equal(200, _registry.Requests.Recent[0].Status);
    }

    async Task ExpectAsync(int status, string path)
    {
        using var answer = await _calls.GetAsync(path);
        Assert.Equal(status, (int)answer.StatusCode);
    }
}

/// <summary>A clock that stands still until it is set.</summary>
sealed class SettableClock : TimeProvider
{
    public DateTimeOffset Now { get; set; } = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public override DateTimeOffset GetUtcNow() => Now;
}
