using System.Text.Json.Nodes;
using GeoDR.Lab;
using GeoDR.Lab.Registries;
using Npgsql;

namespace GeoDR.Tests.Kinds;

/// <summary>A primary's registry with all of the specification, the referrers API above all.</summary>
public abstract class LabSourceTests(RegistryPair pair)
{
    protected RegistryPair Pair => pair;

    protected static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>An image with a signature that has a signature, none of them reached by a tag but the image.</summary>
    protected async Task<(LabImage Image, LabImage Signature, LabImage Second)> PushSignedAsync(string repository)
    {
        var image = LabImage.Create($"{repository}/image", 300, 200);
        var signature = LabImage.Referrer($"{repository}/signature", image, "application/example.signature");
        var second = LabImage.Referrer($"{repository}/second", signature, "application/example.signature");
        using var http = new HttpClient();
        foreach (var (tag, part) in new (string?, LabImage)[] { ("v1", image), (null, signature), (null, second) })
            await part.PushAsync(http, Pair.LabSource!.Url, repository, tag, Stop);
        return (image, signature, second);
    }

    protected Task HasAsync(string repository, string reference) => Wait.UntilAsync(
        async token => await Pair.Target.GetManifestAsync(repository, reference, token) is not null,
        TimeSpan.FromSeconds(20), () => $"{repository} lacks {reference}\n{Pair.Sites.Secondary.Geo.Serve?.LogTail(30)}", Stop);

    /// <summary>Waits for a row's failure; the cause and kind it was kept with.</summary>
    protected async Task<(string Cause, string Kind, string Message)> FailureAsync(string repository)
    {
        await using var source = NpgsqlDataSource.Create(Pair.Sites.Secondary.ConnectionString);
        (string, string, string)? found = null;
        await Wait.UntilAsync(
            async token =>
            {
                await using var command = source.CreateCommand("""
                    select f.cause, f.kind, f.message from failure f join repository r on r.id = f.repository_id where r.name = $1 and r.state = 3
                    """);
                command.Parameters.AddWithValue(repository);
                await using var row = await command.ExecuteReaderAsync(token);
                if (await row.ReadAsync(token))
                    found = (row.GetString(0), row.GetString(1), row.GetString(2));
                return found is not null;
            },
            TimeSpan.FromSeconds(20), () => $"{repository} did not fail\n{Pair.Sites.Secondary.Geo.Serve?.LogTail(30)}", Stop);
        return found!.Value;
    }
}

/// <summary>Both registries have the referrers API.</summary>
public sealed class LabToLabTests(LabToLabTests.Fixture fixture) : LabSourceTests(fixture.Pair), IClassFixture<LabToLabTests.Fixture>
{
    public sealed class Fixture : IAsyncLifetime
    {
        public RegistryPair Pair { get; private set; } = null!;
        public async ValueTask InitializeAsync() => Pair = await RegistryPair.StartAsync(labSource: true, labTarget: true);
        public ValueTask DisposeAsync() => Pair.DisposeAsync();
    }

    public static TheoryData<string> Kinds => new(ImageKinds.Names.Where(k => k is not "schema-1"));

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Kind_PushedToTheLabsRegistry_IsTheSameAtTheSecondary(string kind)
    {
        var kinds = new ImageKinds(Pair.Pusher, $"kinds/{kind}", Stop);
        await kinds.PushAsync(kind);
        await Pair.WaitUntilEqualAsync($"kinds/{kind}", kinds.ByDigestAlone, TimeSpan.FromSeconds(15), Stop);
        foreach (var digest in kinds.ByDigestAlone)
            await HasAsync($"kinds/{kind}", digest);
    }

    [Fact]
    public async Task Referrers_WhoseEventsWereLost_ComeWithAFullSync()
    {
        const string Repository = "referrers/lost";
        var image = LabImage.Create("lost", 100);
        var signature = LabImage.Referrer("lost/signature", image, "application/example.signature");
        var second = LabImage.Referrer("lost/second", signature, "application/example.signature");
        // Seeding sends no event.
        Pair.LabSource!.Seed(Repository, "v1", image).Seed(Repository, null, signature).Seed(Repository, null, second);
        (await Pair.Sites.Secondary.Geo.RunAsync("resync", "--all")).EnsureSuccess();
        await HasAsync(Repository, second.Digest);
        Assert.NotNull(await Pair.Target.GetManifestAsync(Repository, signature.Digest, Stop));
        Assert.DoesNotContain(await Pair.Target.ListTagsAsync(Repository, Stop), t => t.StartsWith("sha256-", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Kind_ThatTheTargetRefuses_FailsForGoodAndIsNamed()
    {
        Pair.LabTarget!.Switches.RefusedManifestTypes["application/vnd.docker.distribution.manifest.list.v2+json"] = 415;
        await Pair.Pusher.PushAsync("refused/list", "v1", ImageSpec.Random(ImageKind.DockerList, 501), Stop);
        var (cause, kind, message) = await FailureAsync("refused/list");
        Assert.Equal(("refused by the registry", "terminal"), (cause, kind));
        Assert.Contains("manifest.list.v2+json", message, StringComparison.Ordinal);
        Pair.LabTarget.Switches.RefusedManifestTypes.Clear();
    }

    [Fact]
    public async Task Sha512_WhereTheTargetTakesIt_IsCopiedByIt()
    {
        var image = new Sha512Image("taken");
        await image.PushAsync(Pair.Pusher, "sha512/taken", Stop);
        await HasAsync("sha512/taken", "v1");
        await HasAsync("sha512/taken", image.ManifestDigest);
        Assert.NotNull(await Pair.Target.HeadBlobAsync("sha512/taken", image.LayerDigest, Stop));
    }

    [Fact]
    public async Task WrongBytes_OfABlob_AreNeverVisibleAndTheDigestIsNamed()
    {
        var image = LabImage.Create("wrong", 50_000);
        var layer = image.Blobs.Keys.Last();
        Pair.LabSource!.Switches.Corrupt[layer] = Corruption.FlipBit;
        using var http = new HttpClient();
        await image.PushAsync(http, Pair.LabSource.Url, "wrong/bytes", "v1", Stop);
        var (cause, _, message) = await FailureAsync("wrong/bytes");
        Assert.Equal("wrong content", cause);
        Assert.Contains(layer, message, StringComparison.Ordinal);
        Assert.Null(await Pair.Target.HeadBlobAsync("wrong/bytes", layer, Stop));
        Assert.Null(await Pair.Target.ResolveAsync("wrong/bytes", "v1", Stop));
    }
}

/// <summary>A primary's registry with all of the specification, and Debian's at the secondary.</summary>
public sealed class LabToDistribution : IAsyncLifetime
{
    public const string Name = "lab to distribution";

    public RegistryPair Pair { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Pair = await RegistryPair.StartAsync(labSource: true, labTarget: false);

    public ValueTask DisposeAsync() => Pair.DisposeAsync();
}

[CollectionDefinition(LabToDistribution.Name)]
public sealed class LabToDistributionDefinition : ICollectionFixture<LabToDistribution>;

/// <summary>The secondary's registry is Debian's, without the referrers API.</summary>
[Collection(LabToDistribution.Name)]
public sealed class LabToDistributionTests(LabToDistribution fixture) : LabSourceTests(fixture.Pair)
{
    [Fact]
    public async Task Referrers_AtATargetWithoutTheApi_AreListedUnderTheFallbackTag()
    {
        const string Repository = "referrers/fallback";
        var (image, signature, second) = await PushSignedAsync(Repository);
        await HasAsync(Repository, second.Digest);
        (await Pair.Sites.Secondary.Geo.RunAsync("resync", "--repository", Repository)).EnsureSuccess();
        await HasAsync(Repository, signature.Digest.Replace(':', '-'));
        var listed = await Pair.Target.GetManifestAsync(Repository, image.Digest.Replace(':', '-'), Stop);
        var entry = Assert.Single(JsonNode.Parse(listed!.Bytes)!["manifests"]!.AsArray());
        Assert.Equal((signature.Digest, "application/example.signature"), ((string?)entry!["digest"], (string?)entry["artifactType"]));
    }

    [Fact]
    public async Task Sha512_WhereTheTargetTakesNone_FailsForGoodAndIsNamed()
    {
        // Distribution 2.8 links a blob under a sha512 digest, and answers DIGEST_INVALID to a manifest.
        await new Sha512Image("refused").PushAsync(Pair.Pusher, "sha512/refused", Stop);
        var (cause, kind, message) = await FailureAsync("sha512/refused");
        Assert.Equal(("refused by the registry", "terminal"), (cause, kind));
        Assert.Contains("manifest.v1+json by sha512", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Index_WhoseChildIsMissingAtThePrimary_FailsForGoodAndNamesIt()
    {
        var child = LabImage.Create("sparse/child", 10);
        using var http = new HttpClient();
        (await Pair.Sites.Secondary.Geo.RunAsync("pause")).EnsureSuccess();
        await LabImage.Index(child).PushAsync(http, Pair.LabSource!.Url, "sparse/index", "v1", Stop);
        await Pair.Pusher.DeleteAsync("sparse/index", child.Digest, Stop);
        (await Pair.Sites.Secondary.Geo.RunAsync("resume")).EnsureSuccess();
        var (cause, kind, message) = await FailureAsync("sparse/index");
        Assert.Equal(("missing at the primary", "terminal"), (cause, kind));
        Assert.Contains(child.Digest, message, StringComparison.Ordinal);
    }
}
