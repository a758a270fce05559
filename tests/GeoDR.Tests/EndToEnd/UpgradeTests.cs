using GeoDR.Lab;

namespace GeoDR.Tests.EndToEnd;

/// <summary>Two rounds of the soak of upgrades; <c>./scripts/soak upgrade</c> runs as many as wanted.</summary>
[Trait("Category", "Slow")]
public sealed class UpgradeTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Upgrade_UnderLoadInEitherOrder_LosesNoPush()
    {
        if (UpgradeSoak.OldProgram is null)
            Assert.Skip("GEODR_OLD_PROGRAM names no older version's program: the upgrade is not tried. docs/how-to/upgrade.md says how to build one.");
        await using var soak = new UpgradeSoak(UpgradeSoak.OldProgram!, seed: 7);
        for (var number = 0; number < 2; number++)
            output.WriteLine((await soak.RunAsync(number, TestContext.Current.CancellationToken)).ToLine());
    }
}
