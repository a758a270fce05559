namespace GeoDR.Status;

/// <summary>What a reading said, and how long ago that was.</summary>
internal readonly record struct Aged<T>(T Value, TimeSpan Age);

/// <summary>
/// One reading for all who ask at once or soon after: the next begins no sooner than a second after the last, and so late that reading
/// takes a tenth of the time at most, however large the site. Whoever asks learns the reading's age.
/// </summary>
internal sealed class SharedReading<T>(Func<CancellationToken, Task<T>> read, TimeProvider time)
{
    private static readonly TimeSpan s_least = TimeSpan.FromSeconds(1);
    private const int Share = 10;

    private readonly Lock _lock = new();
    private Task<(T Value, long Began, long Ended)>? _last;

    public async Task<Aged<T>> GetAsync(CancellationToken cancel)
    {
        Task<(T, long Began, long)> reading;
        lock (_lock)
            reading = _last is { } last && Serves(last) ? last : _last = ReadAsync();
        // Nobody's leaving ends a reading that others wait for.
        var (value, began, _) = await reading.WaitAsync(cancel);
        return new(value, time.GetElapsedTime(began));
    }

    private bool Serves(Task<(T Value, long Began, long Ended)> reading)
    {
        if (!reading.IsCompletedSuccessfully)
            return !reading.IsCompleted;
        var (_, began, ended) = reading.Result;
        var rest = Share * time.GetElapsedTime(began, ended);
        return time.GetElapsedTime(ended) < (rest > s_least ? rest : s_least);
    }

    private async Task<(T, long, long)> ReadAsync()
    {
        var began = time.GetTimestamp();
        return (await read(CancellationToken.None), began, time.GetTimestamp());
    }
}
