namespace GeoDR.Lab.Faults;

/// <summary>A scripted end of connections after a number of bytes. <paramref name="Open"/> are those that were open when it was armed:
/// they count from then.</summary>
sealed record ProxyCut(ProxyDirection Direction, long Bytes, int Times, HashSet<ProxyConnection> Open)
{
    int _left = Times;

    public bool Take() => Interlocked.Decrement(ref _left) >= 0;

    public bool Spent => Volatile.Read(ref _left) <= 0;
}

/// <summary>The faults of a proxy now; pumps read it at every chunk and wait on it while stalled.</summary>
sealed class ProxyFaults
{
    readonly Lock _gate = new();
    TaskCompletionSource _resumed = Completed();
    long _latencyTicks;
    long _bytesPerSecond;
    volatile bool _blackHole;
    ProxyCut? _cut;
    long _bytesToClient;

    /// <summary>Since the start, over all connections.</summary>
    public long BytesToClient => Interlocked.Read(ref _bytesToClient);

    public void Forwarded(ProxyDirection direction, int bytes)
    {
        if (direction == ProxyDirection.ToClient)
        {
            Interlocked.Add(ref _bytesToClient, bytes);
        }
    }

    public TimeSpan Latency
    {
        get => new(Interlocked.Read(ref _latencyTicks));
        set => Interlocked.Exchange(ref _latencyTicks, value.Ticks);
    }

    public long BytesPerSecond
    {
        get => Interlocked.Read(ref _bytesPerSecond);
        set => Interlocked.Exchange(ref _bytesPerSecond, value);
    }

    public bool BlackHole { get => _blackHole; set => _blackHole = value; }

    public ProxyCut? Cut => Volatile.Read(ref _cut) is { Spent: false } cut ? cut : null;

    public bool Stalled
    {
        get => !Resumed.IsCompleted;
        set
        {
            lock (_gate)
            {
                if (value && _resumed.Task.IsCompleted)
                {
                    _resumed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                }
                else if (!value)
                {
                    _resumed.TrySetResult();
                }
            }
        }
    }

    public Task Resumed
    {
        get
        {
            lock (_gate)
            {
                return _resumed.Task;
            }
        }
    }

    public void SetCut(ProxyCut cut) => Volatile.Write(ref _cut, cut);

    public void Clear()
    {
        Latency = TimeSpan.Zero;
        BytesPerSecond = 0;
        BlackHole = false;
        Stalled = false;
        Volatile.Write(ref _cut, null);
    }

    static TaskCompletionSource Completed()
    {
        var source = new TaskCompletionSource();
        source.SetResult();
        return source;
    }
}
