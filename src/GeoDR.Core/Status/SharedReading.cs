namespace GeoDR.Status;

/// <summary>What a reading said, and how long ago that was.</summary>
internal readonly record struct Aged<T>(T Value, TimeSpan Age);

/// <summary>
/// One reading for all who ask at once or soon after: the next begins no sooner than a second after the last, and so late that reading
/// takes a tenth of the time at most, however large the site. Where it takes long, nobody who asks again and again waits for the next: the
/// last one serves until that has come. Whoever asks learns the reading's age.
/// </summary>
internal sealed class SharedReading<T>(Func<CancellationToken, Task<T>> read, TimeProvider time)
{
    private sealed record Reading(T Value, long Began, long Ended);

    private static readonly TimeSpan s_least = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_long = TimeSpan.FromMilliseconds(100);
    private const int Share = 10;

    private readonly Lock _lock = new();
    private Reading? _last;
    private Task<Reading>? _next;

    public async Task<Aged<T>> GetAsync(CancellationToken cancel)
    {
        Reading? served;
        Task<Reading> next;
        lock (_lock)
        {
            if (_next is { IsCompletedSuccessfully: true })
                _last = _next.Result;
            served = _last is { } last && time.GetElapsedTime(last.Ended) < Serves(last) ? last : null;
            if (_next is null or { IsCompleted: true } && (_last is not { } old || time.GetElapsedTime(old.Ended) >= Rest(old)))
                _next = ReadAsync();
            next = _next!;
        }
        // Nobody's leaving ends a reading that others wait for.
        var reading = served ?? await next.WaitAsync(cancel);
        return new(reading.Value, time.GetElapsedTime(reading.Began));
    }

    private TimeSpan Rest(Reading reading) =>
        Share * time.GetElapsedTime(reading.Began, reading.Ended) is var rest && rest > s_least ? rest : s_least;

    private TimeSpan Serves(Reading reading) => time.GetElapsedTime(reading.Began, reading.Ended) > s_long ? 2 * Rest(reading) : Rest(reading);

    private async Task<Reading> ReadAsync()
    {
        var began = time.GetTimestamp();
        return new(await read(CancellationToken.None), began, time.GetTimestamp());
    }
}
