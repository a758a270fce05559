using GeoDR.Lab;

namespace GeoDR.Tests.EndToEnd;

/// <summary>Two rounds of the soak of pauses; <c>./scripts/soak pause</c> runs as many as wanted.</summary>
[Trait("Category", "Slow")]
public sealed class PauseTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Pause_OfAWorkerPastItsLeaseTwice_LeavesNoOldTag()
    {
        var stop = TestContext.Current.CancellationToken;
        await using var soak = await PauseSoak.StartAsync(new() { Seed = 3, Patience = TimeSpan.FromSeconds(20), Rest = TimeSpan.FromMilliseconds(50) }, stop);
        for (var number = 0; number < 2; number++)
            output.WriteLine((await soak.RunAsync(number, stop)).ToLine());
    }
}
