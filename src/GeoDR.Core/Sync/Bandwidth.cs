namespace GeoDR.Sync;

/// <summary>From when to when, in UTC, another limit holds; past midnight where it ends before it begins.</summary>
/// <param name="BytesPerSecond">Null: none.</param>
public sealed record BandwidthWindow(TimeOnly From, TimeOnly To, double? BytesPerSecond);

/// <summary>What a site may read from the primary's registry, over all its processes.</summary>
/// <param name="BytesPerSecond">Outside every window; null: as fast as it goes.</param>
public sealed record BandwidthPlan(double? BytesPerSecond, IReadOnlyList<BandwidthWindow> Windows)
{
    public static BandwidthPlan Unlimited { get; } = new(null, []);

    /// <summary>The limit at a time of day; the first window that holds it decides.</summary>
    public double? At(TimeOnly time) =>
        Windows.FirstOrDefault(w => time.IsBetween(w.From, w.To)) is { } window ? window.BytesPerSecond : BytesPerSecond;
}

/// <summary>
/// This process's share of the site's bandwidth. Who reads first waits least, and no read is larger than a buffer: transfers
/// share evenly.
/// </summary>
public sealed class Bandwidth(BandwidthPlan plan, TimeProvider time)
{
    private readonly Lock _gate = new();
    // When everything that was promised so far will have been read.
    private long _promisedUntil;
    private int _processes = 1;

    /// <summary>How many living worker processes share the limit.</summary>
    public void SharedBy(int processes) => Volatile.Write(ref _processes, Math.Max(1, processes));

    /// <summary>Waits until so many bytes fit.</summary>
    public ValueTask TakeAsync(int bytes, CancellationToken cancel)
    {
        if (plan.At(TimeOnly.FromDateTime(time.GetUtcNow().UtcDateTime)) is not { } limit)
            return ValueTask.CompletedTask;
        var wait = Promise(bytes, limit / Volatile.Read(ref _processes));
        return wait <= TimeSpan.Zero ? ValueTask.CompletedTask : new ValueTask(Task.Delay(wait, time, cancel));
    }

    private TimeSpan Promise(int bytes, double perSecond)
    {
        lock (_gate)
        {
            var now = time.GetTimestamp();
            _promisedUntil = Math.Max(now, _promisedUntil) + (long)(bytes / perSecond * time.TimestampFrequency);
            return time.GetElapsedTime(now, _promisedUntil);
        }
    }
}
