using GeoDR.Lab.Registries;
using System.Net;

// Not GeoDR.Core.Tests.Lab: that has a helper named LabRegistry too, which would hide the registry itself.
namespace GeoDR.Core.Tests.LabRegistries;

/// <summary>What a client may count on, held alike against the lab's registry and the real one: that is how the first stays faithful.</summary>
public abstract class RegistryClientTests(RegistryFixture fixture) : IDisposable
{
    readonly RegistryCalls _calls = new(fixture.Url);

    public void Dispose()
    {
        _calls.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Pull_AfterPush_GivesTheSameBytes()
    {
        var image = LabImage.Create("pull", 5000);
        await _calls.PushAsync("client/pull", "v1", image);

        using var manifest = await _calls.ManifestAsync(HttpMethod.Get, "client/pull", "v1");
        Assert.Equal(image.ManifestBytes, await manifest.Content.ReadAsByteArrayAsync(RegistryCalls.Cancel));
        Assert.Equal(image.Digest, manifest.Headers.GetValues("Docker-Content-Digest").Single());
        Assert.Equal(image.MediaType, manifest.Content.Headers.ContentType!.MediaType);
        foreach (var (digest, bytes) in image.Blobs)
        {
            using var blob = await _calls.GetAsync($"v2/client/pull/blobs/{digest}");
            Assert.Equal(bytes, await blob.Content.ReadAsByteArrayAsync(RegistryCalls.Cancel));
        }
    }

    [Fact]
    public async Task Pull_IndexWithChildren_GivesTheSameBytes()
    {
        var index = LabImage.Index(LabImage.Create("arch-a", 10), LabImage.Create("arch-b", 10));
        await _calls.PushAsync("client/index", "multi", index);

        using var answer = await _calls.ManifestAsync(HttpMethod.Get, "client/index", index.Digest);
        Assert.Equal(index.ManifestBytes, await answer.Content.ReadAsByteArrayAsync(RegistryCalls.Cancel));
    }

    [Fact]
    public async Task Manifest_WithoutMatchingAccept_IsNotFound()
    {
        await _calls.PushAsync("client/accept", "v1", LabImage.Create("accept", 10));

        using var right = await _calls.ManifestAsync(HttpMethod.Head, "client/accept", "v1", LabMediaTypes.OciManifest);
        using var wrong = await _calls.ManifestAsync(HttpMethod.Get, "client/accept", "v1", LabMediaTypes.DockerManifest);
        using var none = await _calls.GetAsync("v2/client/accept/manifests/v1");
        Assert.Equal(HttpStatusCode.OK, right.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, wrong.StatusCode);
        Assert.Equal("MANIFEST_UNKNOWN", await RegistryCalls.ErrorCodeAsync(wrong));
        Assert.Equal(HttpStatusCode.NotFound, none.StatusCode);
    }

    [Fact]
    public async Task Blob_WithRange_GivesThatPart()
    {
        var image = LabImage.Create("range", 1000);
        await _calls.PushAsync("client/range", "v1", image);
        var (digest, bytes) = image.Blobs.Last();

        using var part = await _calls.SendAsync(HttpMethod.Get, $"v2/client/range/blobs/{digest}", r => r.Headers.Range = new(100, 199));
        using var beyond = await _calls.SendAsync(HttpMethod.Get, $"v2/client/range/blobs/{digest}", r => r.Headers.Range = new(1000, null));
        using var head = await _calls.SendAsync(HttpMethod.Head, $"v2/client/range/blobs/{digest}");
        Assert.Equal(HttpStatusCode.PartialContent, part.StatusCode);
        Assert.Equal(bytes[100..200], await part.Content.ReadAsByteArrayAsync(RegistryCalls.Cancel));
        Assert.Equal("bytes 100-199/1000", part.Content.Headers.ContentRange!.ToString());
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, beyond.StatusCode);
        Assert.Equal(1000, head.Content.Headers.ContentLength);
    }

    [Fact]
    public async Task Upload_InChunks_ResumesWhereStatusSays()
    {
        var bytes = LabImage.Create("chunks", 3000).Blobs.Last().Value;
        var location = await _calls.BeginUploadAsync("client/chunks");
        using var first = await _calls.PatchAsync(location, bytes[..1000], 0);
        Assert.Equal(HttpStatusCode.Accepted, first.StatusCode);
        Assert.Equal("0-999", first.Headers.GetValues("Range").Single());

        using var status = await _calls.GetAsync(first.Headers.Location!.ToString());
        Assert.Equal(HttpStatusCode.NoContent, status.StatusCode);
        Assert.Equal("0-999", status.Headers.GetValues("Range").Single());

        using var second = await _calls.PatchAsync(status.Headers.Location!.ToString(), bytes[1000..2000], 1000);
        using var done = await _calls.FinishAsync(second.Headers.Location!.ToString(), LabDigest.Sha256(bytes), bytes[2000..]);
        Assert.Equal(HttpStatusCode.Created, done.StatusCode);
        using var blob = await _calls.GetAsync($"v2/client/chunks/blobs/{LabDigest.Sha256(bytes)}");
        Assert.Equal(bytes, await blob.Content.ReadAsByteArrayAsync(RegistryCalls.Cancel));
    }

    [Fact]
    public async Task Upload_Cancelled_IsUnknown()
    {
        var location = await _calls.BeginUploadAsync("client/cancel");
        using var cancelled = await _calls.SendAsync(HttpMethod.Delete, location);
        using var status = await _calls.GetAsync(location);
        Assert.Equal(HttpStatusCode.NoContent, cancelled.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, status.StatusCode);
        Assert.Equal("BLOB_UPLOAD_UNKNOWN", await RegistryCalls.ErrorCodeAsync(status));
    }

    [Fact]
    public async Task Upload_OtherBytesThanItsDigest_IsRefused()
    {
        var wrong = LabDigest.Sha256("other"u8);
        using var answer = await _calls.FinishAsync(await _calls.BeginUploadAsync("client/mismatch"), wrong, "bytes"u8.ToArray());
        using var blob = await _calls.GetAsync($"v2/client/mismatch/blobs/{wrong}");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("DIGEST_INVALID", await RegistryCalls.ErrorCodeAsync(answer));
        Assert.Equal(HttpStatusCode.NotFound, blob.StatusCode);
    }

    [Fact]
    public async Task Mount_BlobOfAnotherRepository_NeedsNoUpload()
    {
        var image = LabImage.Create("mount", 100);
        await _calls.PushAsync("client/mount-from", "v1", image);
        var digest = image.Blobs.Last().Key;

        using var mounted = await _calls.SendAsync(HttpMethod.Post, $"v2/client/mount-to/blobs/uploads/?mount={digest}&from=client/mount-from");
        using var missed = await _calls.SendAsync(HttpMethod.Post, $"v2/client/mount-to/blobs/uploads/?mount={LabDigest.Sha256("no"u8)}&from=client/mount-from");
        using var head = await _calls.SendAsync(HttpMethod.Head, $"v2/client/mount-to/blobs/{digest}");
        Assert.Equal(HttpStatusCode.Created, mounted.StatusCode);
        Assert.Equal(HttpStatusCode.Accepted, missed.StatusCode);
        Assert.NotNull(missed.Headers.Location);
        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
    }

    [Fact]
    public async Task PutManifest_BlobMissing_IsRefused()
    {
        using var answer = await _calls.PutManifestAsync("client/missing", "v1", LabImage.Create("missing", 10));
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("MANIFEST_BLOB_UNKNOWN", await RegistryCalls.ErrorCodeAsync(answer));
    }

    [Fact]
    public async Task PutManifest_ChildMissing_IsRefused()
    {
        using var answer = await _calls.PutManifestAsync("client/childless", "v1", LabImage.Index(LabImage.Create("childless", 10)));
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("MANIFEST_BLOB_UNKNOWN", await RegistryCalls.ErrorCodeAsync(answer));
    }

    [Fact]
    public async Task PutManifest_UnderAnotherDigest_IsRefused()
    {
        var image = LabImage.Create("under", 10);
        await _calls.PushAsync("client/under", "v1", image);
        using var answer = await _calls.PutManifestAsync("client/under", LabDigest.Sha256("x"u8), image);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("DIGEST_INVALID", await RegistryCalls.ErrorCodeAsync(answer));
    }

    [Fact]
    public async Task DeleteManifest_ByDigest_RemovesItsTags()
    {
        var image = LabImage.Create("delete", 10);
        await _calls.PushAsync("client/delete", "a", image);
        await _calls.PushAsync("client/delete", "b", image);
        await _calls.PushAsync("client/delete", "kept", LabImage.Create("kept", 10));

        using var deleted = await _calls.SendAsync(HttpMethod.Delete, $"v2/client/delete/manifests/{image.Digest}");
        using var gone = await _calls.ManifestAsync(HttpMethod.Get, "client/delete", "a");
        using var again = await _calls.SendAsync(HttpMethod.Delete, $"v2/client/delete/manifests/{image.Digest}");
        Assert.Equal(HttpStatusCode.Accepted, deleted.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, again.StatusCode);
        Assert.Equal(["kept"], await _calls.WalkAsync("v2/client/delete/tags/list", "tags"));
    }

    [Fact]
    public async Task Tags_OfARepository_AreAllListed()
    {
        var image = LabImage.Create("tags", 10);
        foreach (var tag in new[] { "v3", "v1", "v2" })
        {
            await _calls.PushAsync("client/tags", tag, image);
        }

        using var unknown = await _calls.GetAsync("v2/client/nowhere/tags/list");
        Assert.Equal(["v1", "v2", "v3"], (await _calls.WalkAsync("v2/client/tags/tags/list", "tags")).Order());
        Assert.Equal("NAME_UNKNOWN", await RegistryCalls.ErrorCodeAsync(unknown));
    }

    [Fact]
    public async Task Catalog_InPages_ListsEveryRepositoryOnce()
    {
        var names = Enumerable.Range(0, 5).Select(i => $"client/catalog-{i}").ToList();
        foreach (var name in names)
        {
            await _calls.PushAsync(name, "v1", LabImage.Create("catalog", 10));
        }

        var listed = await _calls.WalkAsync("v2/_catalog?n=2", "repositories");
        Assert.Equal(names, listed.Where(n => n.StartsWith("client/catalog-", StringComparison.Ordinal)));
        Assert.Equal(listed.Distinct(), listed);
        using var tooMany = await _calls.GetAsync("v2/_catalog?n=99999");
        Assert.Equal("PAGINATION_NUMBER_INVALID", await RegistryCalls.ErrorCodeAsync(tooMany));
    }

    [Fact]
    public async Task Notifications_OfAPushAndADelete_ArriveInOrder()
    {
        var image = LabImage.Create("notify", 10);
        await _calls.PushAsync("client/notify", "v1", image);
        using var deleted = await _calls.SendAsync(HttpMethod.Delete, $"v2/client/notify/manifests/{image.Digest}");

        var events = await fixture.Listener.WaitForAsync(
            l => l.Accepted.Where(e => (string?)e["target"]!["repository"] == "client/notify").ToList() is { Count: >= 5 } all ? all : null,
            RegistryCalls.Cancel);
        Assert.Equal(["push", "push", "push", "delete", "delete"], events.Select(e => (string?)e["action"]));
        var push = events[2];
        Assert.Equal("v1", (string?)push["target"]!["tag"]);
        Assert.Equal(image.Digest, (string?)push["target"]!["digest"]);
        Assert.Equal(image.ManifestBytes.Length, (int)push["target"]!["length"]!);
        Assert.Equal(image.Blobs.Keys, push["target"]!["references"]!.AsArray().Select(r => (string)r!["digest"]!));
        Assert.Equal(image.Digest, (string?)events[3]["target"]!["digest"]);
        Assert.Equal("v1", (string?)events[4]["target"]!["tag"]);
        Assert.All(fixture.Listener.Received, r => Assert.Equal(RegistryFixture.Secret, r.Authorization));
        Assert.All(fixture.Listener.Received, r => Assert.Equal("application/vnd.docker.distribution.events.v1+json", r.ContentType));
    }
}
