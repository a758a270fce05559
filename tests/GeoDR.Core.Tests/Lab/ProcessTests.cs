using GeoDR.Lab;

namespace GeoDR.Core.Tests.Lab;

public sealed class ProcessTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Start_OutputAndExit_AreKept()
    {
        await using var directory = LabDirectory.Create();
        await using var process = ManagedProcess.Start(new ProcessSpec("/bin/sh", "-c", "echo out; echo err >&2; exit 7") { LogFile = directory.PathOf("log") });

        await process.WaitForExitAsync(Token);

        Assert.Equal(7, process.ExitCode);
        Assert.Equal("out\nerr\n", process.LogTail());
    }

    [Fact]
    public async Task Stop_ProcessThatIgnoresTheSignal_IsKilled()
    {
        await using var directory = LabDirectory.Create();
        await using var process = ManagedProcess.Start(new ProcessSpec("/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done") { LogFile = directory.PathOf("log") });
        await process.WaitUntilAsync(_ => Task.FromResult(process.LogTail().Contains("ready", StringComparison.Ordinal)), TimeSpan.FromSeconds(5), "ready", Token);

        var byItself = await process.StopAsync(TimeSpan.FromMilliseconds(200));

        Assert.False(byItself);
        Assert.Equal(128 + 9, process.ExitCode);
    }

    [Fact]
    public async Task WaitUntil_ProcessExits_ThrowsWithItsLog()
    {
        await using var directory = LabDirectory.Create();
        await using var process = ManagedProcess.Start(new ProcessSpec("/bin/sh", "-c", "echo no such thing; exit 3") { LogFile = directory.PathOf("log") });

        var e = await Assert.ThrowsAsync<LabException>(() => process.WaitUntilAsync(_ => Task.FromResult(false), TimeSpan.FromSeconds(10), "ready", Token));

        Assert.Contains("exited with 3", e.Message, StringComparison.Ordinal);
        Assert.Contains("no such thing", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_PidSignalled_IsTheProgramItself()
    {
        await using var directory = LabDirectory.Create();
        await using var process = ManagedProcess.Start(new ProcessSpec("/bin/sleep", "1000") { LogFile = directory.PathOf("log") });

        await process.WaitUntilAsync(_ => Task.FromResult(CommandName() == "sleep"), TimeSpan.FromSeconds(5), "became sleep", Token);

        string CommandName() => File.ReadAllText($"/proc/{process.Id}/comm").Trim();
    }

    [Fact]
    public async Task Run_InputOutputAndEnvironment_ArePassed()
    {
        var result = await ManagedProcess.RunAsync("/bin/sh", ["-c", "cat; echo $LAB_TEST; exit 4"], new Dictionary<string, string> { ["LAB_TEST"] = "value" }, stdin: "input ", cancellationToken: Token);

        Assert.Equal((4, "input value\n"), (result.ExitCode, result.Output));
        Assert.Throws<LabException>(() => result.EnsureSuccess());
    }

    [Fact]
    public void Ports_ManyTaken_NoneTwiceAndAllBelowTheEphemeralRange()
    {
        var ports = Enumerable.Range(0, 50).Select(_ => Ports.Free()).ToList();

        Assert.Equal(50, ports.Distinct().Count());
        Assert.All(ports, p => Assert.InRange(p, 1024, 32767));
    }
}
