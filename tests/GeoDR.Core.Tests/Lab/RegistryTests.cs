using System.Net;
using GeoDR.Lab;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace GeoDR.Core.Tests.Lab;

public sealed class RegistryTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(SigningAlgorithm.Rsa)]
    [InlineData(SigningAlgorithm.EllipticCurve)]
    public async Task Push_EveryKindOfImage_IsReadBackWhole(SigningAlgorithm algorithm)
    {
        await using var lab = await LabRegistry.StartAsync(algorithm);
        foreach (var kind in Enum.GetValues<ImageKind>())
        {
            var image = await lab.Pusher.PushAsync($"team/{kind}".ToLowerInvariant(), "v1", ImageSpec.Random(kind, 7), Token);
            Assert.Equal(image.Digest, await lab.Client.ResolveAsync(image.Repository, "v1", Token));
        }

        var snapshot = await lab.SnapshotAsync(hash: true);

        Assert.Equal(4, snapshot.TagCount);
        Assert.Equal(8, snapshot.ManifestCount);
        Assert.All(snapshot.Repositories.Values, r => Assert.Empty(r.Missing.Concat(r.Damaged)));
    }

    [Fact]
    public async Task Skopeo_PushesLayouts_KeepsDigests()
    {
        await using var lab = await LabRegistry.StartAsync();
        var oci = await ImageLayout.WriteOciAsync(lab.PathOf("oci"), "v1", ImageSpec.Random(ImageKind.OciIndex, 3));
        var docker = await ImageLayout.WriteDirAsync(lab.PathOf("dir"), ImageSpec.Random(ImageKind.Docker, 4));

        await Skopeo.CopyAsync($"oci:{lab.PathOf("oci")}:v1", $"docker://{lab.Registry.Host}/apps/index:v1", destinationUser: LabRegistry.User, cancellationToken: Token);
        await Skopeo.CopyAsync($"dir:{lab.PathOf("dir")}", $"docker://{lab.Registry.Host}/apps/docker:v1", destinationUser: LabRegistry.User, cancellationToken: Token);

        Assert.Equal(oci, await lab.Client.ResolveAsync("apps/index", "v1", Token));
        Assert.Equal(docker, await lab.Client.ResolveAsync("apps/docker", "v1", Token));
    }

    [Fact]
    public async Task Push_SharedLayer_IsMountedNotUploaded()
    {
        await using var lab = await LabRegistry.StartAsync();
        var shared = new LayerSpec(1, 100_000);
        await lab.Pusher.PushAsync("one", "v1", new ImageSpec(ImageKind.Oci, 1, shared), Token);
        var before = await lab.Registry.ReadCountersAsync(Token);

        await lab.Pusher.PushAsync("two", "v1", new ImageSpec(ImageKind.Oci, 2, shared), Token);

        var counted = (await lab.Registry.ReadCountersAsync(Token)).Since(before);
        Assert.Equal(2, counted.Count("blob_upload", "post"));
        Assert.Equal(1, counted.Count("blob_upload_chunk", "put"));
        Assert.Equal(4, counted.Total);
    }

    [Fact]
    public async Task Kill_ThenStartAgain_HoldsWhatWasPushed()
    {
        await using var lab = await LabRegistry.StartAsync();
        var image = await lab.Pusher.PushAsync("kept", "v1", ImageSpec.Random(ImageKind.Oci, 1), Token);

        lab.Registry.Kill();
        Assert.Null(lab.Registry.Process);
        await lab.Registry.StartAgainAsync(Token);

        Assert.Equal(image.Digest, await lab.Client.ResolveAsync("kept", "v1", Token));
    }

    [Fact]
    public async Task BasicAuth_WrongPassword_IsRefused()
    {
        await using var directory = LabDirectory.Create();
        var user = new BasicAuth("somebody", "secret");
        await using var registry = await DistributionRegistry.StartNewAsync(directory.PathOf("registry"), new DistributionOptions { Basic = user }, Token);
        using var right = new RegistryClient(registry.Url, user);
        using var wrong = new RegistryClient(registry.Url, user with { Password = "guess" });

        var image = await new RegistryPusher(right).PushAsync("a", "v1", ImageSpec.Random(ImageKind.Docker, 1), Token);

        Assert.Equal(image.Digest, await right.ResolveAsync("a", "v1", Token));
        await Assert.ThrowsAsync<LabException>(() => wrong.ResolveAsync("a", "v1", Token));
    }

    [Fact]
    public async Task Notifications_Push_ArriveWithTheSecretAndReferences()
    {
        var port = Ports.Free();
        var body = new TaskCompletionSource<string>();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, port));
        await using var receiver = builder.Build();
        receiver.Run(async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            var text = await reader.ReadToEndAsync(context.RequestAborted);
            if (context.Request.Headers.Authorization == "s3cret" && text.Contains("\"references\"", StringComparison.Ordinal))
            {
                body.TrySetResult(text);
            }
        });
        await receiver.StartAsync(Token);
        await using var lab = await LabRegistry.StartAsync(notifications: new NotificationEndpoint("geo", new Uri($"http://127.0.0.1:{port}/events"), "s3cret"));

        var image = await lab.Pusher.PushAsync("seen", "v1", ImageSpec.Random(ImageKind.Oci, 1), Token);

        Assert.Contains(image.Digest, await body.Task.WaitAsync(TimeSpan.FromSeconds(10), Token), StringComparison.Ordinal);
    }
}
