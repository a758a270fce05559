using System.Threading.Channels;

namespace GeoDR.Core.Tests.Retention;

/// <summary>A clock whose waits end when the test says so: what it times stands still between its steps.</summary>
internal sealed class HeldTime : TimeProvider
{
    private readonly Channel<Wait> _waits = Channel.CreateUnbounded<Wait>();

    /// <summary>Until something waits; the answer lets it go on.</summary>
    public async Task<Action> WaitedForAsync(CancellationToken cancel) => (await _waits.Reader.ReadAsync(cancel)).End;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var wait = new Wait(() => callback(state));
        _waits.Writer.TryWrite(wait);
        return wait;
    }

    private sealed record Wait(Action End) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
