namespace GeoDR.Sync;

/// <summary>How fast one blob runs from registry to registry, as lately seen.</summary>
public sealed class TransferRate
{
    // Smaller blobs measure round trips.
    private const long LeastBytes = 1024 * 1024;
    private const double Weight = 0.3;
    private double _rate;

    /// <summary>Null before the first.</summary>
    public double? BytesPerSecond => Volatile.Read(ref _rate) is > 0 and var rate ? rate : null;

    public void Measured(long bytes, TimeSpan took)
    {
        if (bytes < LeastBytes || took <= TimeSpan.Zero)
            return;
        var now = bytes / took.TotalSeconds;
        Volatile.Write(ref _rate, BytesPerSecond is { } before ? before + Weight * (now - before) : now);
    }
}
