using GeoDR.Lab;

namespace GeoDR.Tests.Cli;

/// <summary>What a mistyped command line ends with; scripts tell it from a failed check.</summary>
public sealed class UsageTests
{
    [Theory]
    [InlineData(2, "nonsense")]
    [InlineData(2, "status", "--nonsense")]
    [InlineData(2, "token")]
    [InlineData(2)]
    [InlineData(0, "--help")]
    [InlineData(0, "reconcile", "--help")]
    public async Task Verb_AsTyped_EndsWith(int code, params string[] line)
    {
        var result = await GeoProgram.RunAsync(line, new Dictionary<string, string>(), null, TestContext.Current.CancellationToken);
        Assert.Equal(code, result.ExitCode);
        Assert.Equal(code == 0, result.Error.Length == 0);
    }

    [Theory]
    [InlineData("serve", "hangfire", "this build has no adapter. Make it with ./scripts/hangfire")]
    [InlineData("worker", "quartz", "write builtin or hangfire")]
    public async Task Engine_ThatIsNotThere_StopsTheStartWithTheMend(string verb, string engine, string mend)
    {
        var result = await GeoProgram.RunAsync([verb], new Dictionary<string, string> { ["Geo__Jobs__Engine"] = engine }, null, TestContext.Current.CancellationToken);
        Assert.Equal(3, result.ExitCode);
        Assert.Contains(mend, Assert.Single(result.Error.Split('\n'), l => l.Contains("Geo:Jobs:Engine", StringComparison.Ordinal)), StringComparison.Ordinal);
    }
}
