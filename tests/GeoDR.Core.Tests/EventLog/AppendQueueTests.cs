using GeoDR.EventLog;

namespace GeoDR.Core.Tests.EventLog;

public sealed class AppendQueueTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Append_ManyAtOnce_AreGathered()
    {
        var (appends, first) = (0, new TaskCompletionSource());
        var queue = new AppendQueue(
            async (_, _, _) =>
            {
                if (Interlocked.Increment(ref appends) == 1)
                    await first.Task;
            },
            TimeProvider.System);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var running = queue.RunAsync(e => Assert.Fail(e.Message), end.Token);

        var requests = Enumerable.Range(0, 101).Select(i => queue.AppendAsync([Events.Push("a", $"v{i}")], null, s_patience, Stop)).ToList();
        first.SetResult();

        Assert.All(await Task.WhenAll(requests), Assert.True);
        // The first may have gone alone; what gathered behind it is one append.
        Assert.InRange(Volatile.Read(ref appends), 1, 3);
        await EndAsync(end, running);
    }

    [Fact]
    public async Task Append_ThatFails_IsToldAndTheNextGoesOn()
    {
        var fail = true;
        var errors = new List<string>();
        var queue = new AppendQueue((_, _, _) => Volatile.Read(ref fail) ? throw new InvalidOperationException("disk full") : Task.CompletedTask, TimeProvider.System);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var running = queue.RunAsync(e => errors.Add(e.Message), end.Token);

        Assert.False(await queue.AppendAsync([Events.Push("a", "v1")], null, s_patience, Stop));
        Volatile.Write(ref fail, false);
        Assert.True(await queue.AppendAsync([Events.Push("a", "v2")], null, s_patience, Stop));
        Assert.Equal(["disk full"], errors);
        await EndAsync(end, running);
    }

    [Fact]
    public async Task Append_NotAnsweredInTime_IsToldFalseAndNotWrittenLater()
    {
        var written = new List<string?>();
        var queue = new AppendQueue(
            (events, _, _) =>
            {
                written.AddRange(events.Select(e => e.Tag));
                return Task.CompletedTask;
            },
            TimeProvider.System);
        // Nobody runs the queue yet: the request waits in vain.
        Assert.False(await queue.AppendAsync([Events.Push("a", "late")], null, TimeSpan.FromMilliseconds(20), Stop));
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var running = queue.RunAsync(e => Assert.Fail(e.Message), end.Token);
        Assert.True(await queue.AppendAsync([Events.Push("a", "next")], null, s_patience, Stop));
        Assert.Equal(["next"], written);
        await EndAsync(end, running);
    }

    private static async Task EndAsync(CancellationTokenSource end, Task running)
    {
        await end.CancelAsync();
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
