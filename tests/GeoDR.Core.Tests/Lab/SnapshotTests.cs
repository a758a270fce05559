using GeoDR.Lab;

namespace GeoDR.Core.Tests.Lab;

public sealed class SnapshotTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Compare_SamePushes_NoDifference()
    {
        await using var primary = await FilledAsync();
        await using var secondary = await FilledAsync();

        var difference = RegistryDifference.Compare(await primary.SnapshotAsync(), await secondary.SnapshotAsync(hash: true));

        Assert.True(difference.IsEmpty, difference.ToString());
        Assert.Empty(difference.UntaggedNotCopied);
    }

    [Fact]
    public async Task Compare_TagRemovedAndTagMoved_NamesBoth()
    {
        await using var primary = await FilledAsync();
        await using var secondary = await FilledAsync();
        var removed = (await secondary.Client.ResolveAsync("a", "v1", Token))!;
        await secondary.Pusher.DeleteAsync("a", removed, Token);
        await primary.Pusher.PushAsync("b/c", "v2", ImageSpec.Random(ImageKind.Docker, 9), Token);

        var difference = RegistryDifference.Compare(await primary.SnapshotAsync(), await secondary.SnapshotAsync());

        Assert.Contains(difference.Faults, f => f.StartsWith("a:v1 is missing at the secondary", StringComparison.Ordinal));
        Assert.Contains(difference.Faults, f => f.StartsWith("b/c:v2 is sha256:", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Compare_ManifestsWithoutTag_DigestPushIsAFaultLostTagIsNot()
    {
        await using var primary = await FilledAsync();
        await using var secondary = await FilledAsync();
        var alone = await primary.Pusher.PushAsync("a", null, ImageSpec.Random(ImageKind.OciIndex, 20), Token);
        await primary.Pusher.PushAsync("a", "moving", ImageSpec.Random(ImageKind.Oci, 21), Token);
        await primary.Pusher.PushAsync("a", "moving", ImageSpec.Random(ImageKind.Oci, 22), Token);
        await secondary.Pusher.PushAsync("a", "moving", ImageSpec.Random(ImageKind.Oci, 22), Token);

        var difference = RegistryDifference.Compare(await primary.SnapshotAsync(), await secondary.SnapshotAsync(), new HashSet<string> { alone.Digest });

        Assert.Equal(3, difference.Faults.Count(f => f.StartsWith("a: manifest ", StringComparison.Ordinal)));
        Assert.Single(difference.UntaggedNotCopied);
    }

    [Fact]
    public async Task Compare_DamagedAndLostBlobs_AreFound()
    {
        await using var primary = await FilledAsync();
        await using var secondary = await FilledAsync();
        var layers = (await primary.SnapshotAsync()).Repositories["a"].Manifests.Values.First().Blobs;
        File.WriteAllText(BlobFile(secondary, layers[0]), "rot");
        Directory.Delete(Path.GetDirectoryName(BlobFile(secondary, layers[1]))!, recursive: true);
        await secondary.Registry.StopAsync();
        await secondary.Registry.StartAgainAsync(Token);

        var difference = RegistryDifference.Compare(await primary.SnapshotAsync(), await secondary.SnapshotAsync(hash: true));

        Assert.Contains(difference.Faults, f => f.Contains(layers[0] + " is damaged", StringComparison.Ordinal));
        Assert.Contains(difference.Faults, f => f.Contains(layers[1] + " is missing", StringComparison.Ordinal));
    }

    private static string BlobFile(LabRegistry lab, string digest) =>
        Path.Combine(lab.Registry.StorageDirectory, "docker/registry/v2/blobs/sha256", digest[7..9], digest[7..], "data");

    private static async Task<LabRegistry> FilledAsync()
    {
        var lab = await LabRegistry.StartAsync();
        await lab.Pusher.PushAsync("a", "v1", ImageSpec.Random(ImageKind.Docker, 1), Token);
        await lab.Pusher.PushAsync("a", "v2", ImageSpec.Random(ImageKind.Oci, 2), Token);
        await lab.Pusher.PushAsync("b/c", "v2", ImageSpec.Random(ImageKind.OciIndex, 3), Token);
        return lab;
    }
}
