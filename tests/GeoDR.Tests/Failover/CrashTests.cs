using GeoDR.Lab;

namespace GeoDR.Tests.Failover;

/// <summary>One case of <c>./scripts/soak crash</c>: the primary dies while it is asked to hand over.</summary>
public sealed class CrashTests
{
    [Fact]
    public async Task PrimaryKilledWhileItHandsOver_LetsItsClientsInAgainByItself_AndHandsOverOnceMore()
    {
        var stop = TestContext.Current.CancellationToken;
        await using var soak = await CrashSoak.StartAsync(1, stop);
        var round = await soak.RunAsync(0, new(CrashChange.Planned, "fence", CrashSide.Other), stop);
        Assert.Equal("undone", round.Outcome);
        Assert.Equal(0, round.Lost);
    }
}
