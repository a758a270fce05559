namespace GeoDR.Failover;

/// <summary>
/// A primary that starts may have been replaced while it was away: it takes in nothing before its peers have been asked for their
/// terms, or the wait for them is over. One that was promoted while it ran has not been away.
/// </summary>
internal sealed class StartHold(bool isOpen, TimeProvider time)
{
    private readonly long _began = time.GetTimestamp();
    private volatile bool _isOpen = isOpen;

    public bool IsOpen => _isOpen;

    public TimeSpan Waited => time.GetElapsedTime(_began);

    public void Open() => _isOpen = true;
}
