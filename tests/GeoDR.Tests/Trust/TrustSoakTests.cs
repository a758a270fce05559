using GeoDR.Lab;

namespace GeoDR.Tests.Trust;

/// <summary>A short round of the soaks of lost notifications and of the pulled plug; <c>./scripts/soak lost</c> and <c>plug</c> run as many as wanted.</summary>
[Trait("Category", "Slow")]
public sealed class TrustSoakTests(ITestOutputHelper output)
{
    [Fact]
    public async Task NotificationsLostAndThePlugPulled_NothingIsMissedUnsaid()
    {
        var stop = TestContext.Current.CancellationToken;
        var lines = new PlugLines();
        LossyRelay? relay = null;
        var sites = await TwoSites.StartAsync(
            new()
            {
                CreateAdmin = false, Workers = 2, Configure = LostSoak.Configure,
                Links = async links =>
                {
                    relay = await LossyRelay.StartAsync(links.PrimaryNotifications, seed: 4);
                    return lines.Lay(links) with { PrimaryNotifications = relay.Url };
                },
            },
            stop);
        await using var notifications = relay!;
        await using var plug = new PlugSoak(new() { Seed = 4, Load = TimeSpan.FromSeconds(1.5) }, sites, lines);
        await using (var lost = new LostSoak(new() { Seed = 4, Load = TimeSpan.FromSeconds(2.5), Loss = 0.15 }, sites, relay!) { EndsSites = false })
            output.WriteLine((await lost.RunAsync(0, stop)).ToLine());
        output.WriteLine((await plug.RunAsync(0, goOn: false, stop)).ToLine());
    }
}
