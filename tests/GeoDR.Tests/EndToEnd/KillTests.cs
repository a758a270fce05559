using GeoDR.Lab;

namespace GeoDR.Tests.EndToEnd;

/// <summary>Two rounds of the soak of kills; <c>./scripts/soak kill</c> runs as many as wanted.</summary>
[Trait("Category", "Slow")]
public sealed class KillTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Kill_OfTheSecondaryAndOfAWorker_LeavesNothingBehind()
    {
        var stop = TestContext.Current.CancellationToken;
        var options = new KillSoakOptions { Seed = 7, LargeLayer = 0, LongestLayer = 1 << 20, LatestMoment = TimeSpan.FromSeconds(0.6) };
        await using var soak = await KillSoak.StartAsync(options, cancellationToken: stop);
        for (var number = 0; number < 2; number++)
            output.WriteLine((await soak.RunAsync(number, compare: number == 1, stop)).ToLine());
    }
}
