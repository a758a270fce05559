using GeoDR.Lab.Registries;

// Not GeoDR.Core.Tests.Lab: that has a helper named LabRegistry too, which would hide the registry itself.
namespace GeoDR.Core.Tests.LabRegistries;

public sealed class LabNotificationTests
{
    [Fact]
    public async Task Notifications_RefusedForAWhile_AreRetriedInOrderWithTheSameId()
    {
        await using var listener = await NotificationListener.StartAsync();
        listener.Status = 503;
        await using var registry = await LabRegistry.StartAsync(new()
        {
            Notifications = [new(listener.Url) { Backoff = TimeSpan.FromMilliseconds(10), IncludePulls = false }],
        });
        using var calls = new RegistryCalls(registry.Url);
        await calls.PushAsync("app/one", "v1", LabImage.Create("retry", 10));
        await listener.WaitForAsync(l => l.Received.Count >= 3 ? l : null, RegistryCalls.Cancel);
        Assert.Equal(3, registry.PendingNotifications);
        listener.Status = 200;

        var events = await listener.WaitForAsync(l => l.Accepted is { Count: >= 3 } all ? all : null, RegistryCalls.Cancel);
        Assert.All(listener.Received.TakeWhile(r => r.AnsweredStatus == 503), r => Assert.Equal((string?)events[0]["id"], (string?)r.Events.Single()["id"]));
        Assert.Equal("v1", (string?)events[2]["target"]!["tag"]);
    }

    [Fact]
    public async Task Notifications_AcrossARestart_AreLostAndComeFromAnotherInstance()
    {
        await using var listener = await NotificationListener.StartAsync();
        await using var registry = await LabRegistry.StartAsync(new()
        {
            Notifications = [new(listener.Url) { Backoff = TimeSpan.FromMilliseconds(10) }],
        });
        using var calls = new RegistryCalls(registry.Url);
        var image = LabImage.Create("restart", 10);
        await calls.PushAsync("app/one", "before", image);
        var first = await listener.WaitForAsync(l => l.Accepted is { Count: >= 3 } all ? all[0] : null, RegistryCalls.Cancel);

        listener.Status = 500;
        using (await calls.PutManifestAsync("app/one", "lost", image))
        {
            await registry.StopAsync();
            await registry.StartAgainAsync();
        }

        listener.Status = 200;
        using var after = await calls.PutManifestAsync("app/one", "after", image);
        var last = await listener.WaitForAsync(l => l.Accepted is { Count: >= 4 } all ? all[3] : null, RegistryCalls.Cancel);
        Assert.Equal("after", (string?)last["target"]!["tag"]);
        Assert.NotEqual((string?)first["source"]!["instanceID"], (string?)last["source"]!["instanceID"]);
        Assert.Equal(["after", "before", "lost"], await calls.WalkAsync("v2/app/one/tags/list", "tags"));
    }
}
