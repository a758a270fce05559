namespace GeoDR.Reconcile;

/// <summary>Spreads requests evenly: at most so many a second, whoever asks.</summary>
/// <param name="perSecond">Requests a second; 0 for as many as can be had.</param>
public sealed class Pace(double perSecond, TimeProvider time)
{
    // Who was late may catch up a little, never a burst.
    private static readonly TimeSpan s_arrears = TimeSpan.FromMilliseconds(200);

    private readonly Lock _gate = new();
    private readonly long _begun = time.GetTimestamp();
    private TimeSpan _next;
    private long _taken;

    /// <summary>Requests so far.</summary>
    public long Taken => Interlocked.Read(ref _taken);

    /// <summary>Waits for the next request's turn.</summary>
    public async ValueTask TakeAsync(CancellationToken cancel)
    {
        Interlocked.Increment(ref _taken);
        if (perSecond <= 0)
            return;
        TimeSpan wait;
        lock (_gate)
        {
            var now = time.GetElapsedTime(_begun);
            var turn = _next > now - s_arrears ? _next : now - s_arrears;
            _next = turn + TimeSpan.FromSeconds(1 / perSecond);
            wait = turn - now;
        }
        if (wait > TimeSpan.Zero)
            await Task.Delay(wait, time, cancel);
    }
}
