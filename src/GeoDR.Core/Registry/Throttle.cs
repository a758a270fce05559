namespace GeoDR.Registry;

/// <summary>
/// How many requests a registry gets at once: fewer as soon as it struggles (429, 5xx), slowly more while it does not. Additive
/// increase, multiplicative decrease, as congestion control does it (RFC 5681).
/// </summary>
internal sealed class Throttle(int most, TimeProvider time)
{
    private static readonly TimeSpan s_decreaseAtMostEvery = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private double _limit = most;
    private int _running;
    private long? _decreasedAt;

    /// <summary>Requests at once, as it stands.</summary>
    public int Limit
    {
        get { lock (_gate) return (int)_limit; }
    }

    /// <summary>Waits for a place; whoever came first gets it first.</summary>
    public async ValueTask EnterAsync(CancellationToken cancel)
    {
        TaskCompletionSource place;
        lock (_gate)
        {
            if (_running < (int)_limit && _waiting.Count == 0)
            {
                _running++;
                return;
            }
            place = new(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue(place);
        }
        await using var registration = cancel.Register(() => place.TrySetCanceled(cancel));
        await place.Task;
    }

    /// <param name="struggles">The registry asked for patience, or failed.</param>
    public void Leave(bool struggles)
    {
        lock (_gate)
        {
            _running--;
            if (!struggles)
                _limit = Math.Min(most, _limit + 1 / _limit);
            else if (_decreasedAt is not { } at || time.GetElapsedTime(at) > s_decreaseAtMostEvery)
            {
                _limit = Math.Max(1, _limit * 0.7);
                _decreasedAt = time.GetTimestamp();
            }
            // Who was cancelled meanwhile takes no place.
            while (_running < (int)_limit && _waiting.TryDequeue(out var next))
                if (next.TrySetResult())
                    _running++;
        }
    }
}
