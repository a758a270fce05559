using GeoDR.Lab;

namespace GeoDR.Core.Tests.Lab;

public sealed class ProcessDeathTests
{
    /// <summary>Guards the launcher thread: a death signal follows the parent's thread, and the pool's threads come and go.</summary>
    [Fact]
    public async Task Start_FromAThreadThatEnds_KeepsRunning()
    {
        var token = TestContext.Current.CancellationToken;
        await using var directory = LabDirectory.Create();
        ManagedProcess? process = null;
        var thread = new Thread(() => process = ManagedProcess.Start(new ProcessSpec("/bin/sh", "-c", "echo up; while :; do sleep 0.05; done") { LogFile = directory.PathOf("log") }));
        thread.Start();
        thread.Join();
        await using var started = process!;
        await started.WaitUntilAsync(_ => Task.FromResult(started.LogTail().Contains("up", StringComparison.Ordinal)), TimeSpan.FromSeconds(5), "up", token);

        // The death signal would have come with the end of the thread, before the first output was waited for.
        Assert.False(started.HasExited, started.HasExited ? $"exit code {started.ExitCode}" : null);
    }
}
