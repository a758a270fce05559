using GeoDR.Lab;

namespace GeoDR.Core.Tests.Lab;

[Trait("Category", "Slow")]
public sealed class DockerEngineTests
{
    [Fact]
    public async Task Push_ThroughTheTokenServer_ArrivesAndPullsBack()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "dockerd needs root");
        var token = TestContext.Current.CancellationToken;
        await using var lab = await LabRegistry.StartAsync();
        await using var engine = await DockerEngine.StartAsync(lab.PathOf("docker"), token);
        var image = $"{lab.Registry.Host}/docker/app:v1";

        await engine.ImportAsync(image, new LayerSpec(1, 10_000), token);
        await engine.LoginAsync(lab.Registry.Host, LabRegistry.User, token);
        var digest = await engine.PushAsync(image, token);
        await engine.RemoveAsync(image, token);
        await engine.PullAsync(image, token);

        Assert.Equal(digest, await lab.Client.ResolveAsync("docker/app", "v1", token));
    }
}
