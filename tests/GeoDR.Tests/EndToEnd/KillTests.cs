using GeoDR.Lab;

namespace GeoDR.Tests.EndToEnd;

/// <summary>A round of the soak of kills for each part; <c>./scripts/soak kill</c> runs as many as wanted.</summary>
[Trait("Category", "Slow")]
public sealed class KillTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Kill_OfEveryPart_LeavesNothingBehind()
    {
        var stop = TestContext.Current.CancellationToken;
        var options = new KillSoakOptions { Seed = 7, LargeLayer = 0, LongestLayer = 1 << 20, LatestMoment = TimeSpan.FromSeconds(0.6) };
        await using var soak = await KillSoak.StartAsync(options, cancellationToken: stop);
        var rounds = options.Targets.Count;
        for (var number = 0; number < rounds; number++)
            output.WriteLine((await soak.RunAsync(number, compare: number == rounds - 1, stop)).ToLine());
    }
}
