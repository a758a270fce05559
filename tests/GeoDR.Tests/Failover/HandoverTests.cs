using GeoDR.Lab;

namespace GeoDR.Tests.Failover;

/// <summary>The role is handed over and back while clients push through HAProxy: one round of the soak each way.</summary>
public sealed class HandoverTests
{
    [Fact]
    public async Task Role_HandedOverAndBackUnderLoad_LosesNoPush()
    {
        var stop = TestContext.Current.CancellationToken;
        await using var soak = await HandoverSoak.StartAsync(1, stop);
        var there = await soak.RunAsync(0, stop);
        var back = await soak.RunAsync(1, stop);
        Assert.Equal((there.From, there.To), (back.To, back.From));
        Assert.Equal(0, there.Lost + back.Lost);
    }
}
