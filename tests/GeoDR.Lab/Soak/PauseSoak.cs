using System.Diagnostics;
using System.Globalization;
using GeoDR.Lab.Faults;

namespace GeoDR.Lab;

/// <summary>What a soak of pauses is made of.</summary>
public sealed record PauseSoakOptions
{
    public int Seed { get; init; } = 1;
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How much longer than one lease and 5 s the newest image may take, on a machine that is busy with other things.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.Zero;

    /// <summary>Between two looks at all tags, for a machine that has other things to do.</summary>
    public TimeSpan Rest { get; init; } = TimeSpan.Zero;

    /// <summary>Repositories that are pushed to in each round.</summary>
    public int Repositories { get; init; } = 12;
}

/// <summary>One pause; times in seconds.</summary>
/// <param name="Held">Rows that the stopped worker held.</param>
/// <param name="Stopped">How long it stood still.</param>
/// <param name="OldSeen">Tags that showed an older image again after the newest had been there.</param>
/// <param name="OldLongest">The longest time that one did.</param>
public sealed record PauseRound(int Number, int Held, double Stopped, int OldSeen, double OldLongest)
{
    public string ToLine() => string.Create(CultureInfo.InvariantCulture, $"{Number}\tpause\theld={Held}\tstopped={Stopped:0.00}\told={OldSeen}\tlongest={OldLongest:0.00}");
}

/// <summary>
/// Stops a worker (SIGSTOP) in the middle of its rows until its lease is long over, pushes newer images over the same tags, and wakes it while
/// the successor works on them: no old tag may stay.
/// </summary>
public sealed class PauseSoak : IAsyncDisposable
{
    private readonly PauseSoakOptions _options;
    private readonly TwoSites _sites;
    private readonly FaultProxy _line;
    private readonly ManagedProcess _worker;
    private readonly SyncWatch _watch;

    private PauseSoak(PauseSoakOptions options, TwoSites sites, FaultProxy line)
    {
        (_options, _sites, _line) = (options, sites, line);
        // The one that is stopped takes nearly all rows; the successor has time for one at once.
        sites.Secondary.Geo.Set("Sync:Workers", "16");
        _worker = sites.Secondary.Geo.StartWorkers(1)[0];
        _watch = new SyncWatch(sites.Secondary.ConnectionString);
    }

    public static async Task<PauseSoak> StartAsync(PauseSoakOptions options, CancellationToken cancellationToken = default)
    {
        FaultProxy? line = null;
        var sites = await TwoSites.StartAsync(
            new()
            {
                CreateAdmin = false, Lease = options.Lease, Workers = 2,
                Links = links =>
                {
                    // As far away as another city: most of a row's time is a request under way.
                    line = FaultProxy.Start("127.0.0.1", links.SecondaryRegistry.Port);
                    line.Latency = TimeSpan.FromMilliseconds(15);
                    return Task.FromResult(links with { SecondaryRegistry = line.Url });
                },
            },
            cancellationToken);
        return new(options, sites, line!);
    }

    /// <exception cref="LabException">An old tag stayed, or the successor did not take over.</exception>
    public async Task<PauseRound> RunAsync(int number, CancellationToken cancellationToken)
    {
        var random = new Random((_options.Seed * 1_000_003) + number);
        await PushAsync(number, "old", cancellationToken);
        await Task.Delay(random.Next(20, 400), cancellationToken);
        _worker.Pause();
        var stopped = Stopwatch.GetTimestamp();
        try
        {
            var held = await _watch.ClaimsOfAsync(_worker.Id, cancellationToken);
            var newest = await PushAsync(number, "new", cancellationToken);
            await Wait.UntilAsync(
                async token => await _watch.StandingAsync(held, token) == 0, _options.Lease + TimeSpan.FromSeconds(5),
                () => $"the stopped worker's claims still stand\n{_sites.Secondary.Geo.Serve?.LogTail(25)}", cancellationToken);
            await Task.Delay(random.Next(0, 300), cancellationToken);
            _worker.Resume();
            var woken = Stopwatch.GetTimestamp();
            var (seen, longest) = await WatchAsync(newest, woken, cancellationToken);
            return new(number, held.Count, Stopwatch.GetElapsedTime(stopped, woken).TotalSeconds, seen, longest);
        }
        finally
        {
            _worker.Resume();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _watch.DisposeAsync();
        await _sites.DisposeAsync();
        await _line.DisposeAsync();
    }

    private async Task<IReadOnlyList<PushedImage>> PushAsync(int round, string what, CancellationToken cancellationToken)
    {
        var images = new PushedImage[_options.Repositories];
        await Parallel.ForEachAsync(
            Enumerable.Range(0, images.Length), new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = cancellationToken },
            async (n, token) => images[n] = await _sites.Primary.Pusher.PushAsync(
                $"pause/r{n}", "latest", ImageSpec.Random(ImageKind.Oci, (((long)round * 1000) + n) * 2 + (what == "new" ? 1 : 0), layers: 1, size: 20_000), token));
        return images;
    }

    /// <summary>Looks at every tag all the time until one lease and 5 s after the waking; then each must be the newest, and stay it.</summary>
    private async Task<(int Seen, double Longest)> WatchAsync(IReadOnlyList<PushedImage> newest, long woken, CancellationToken cancellationToken)
    {
        var arrived = new bool[newest.Count];
        var oldSince = new long?[newest.Count];
        var (seen, longest) = (0, 0.0);
        var end = _options.Lease + TimeSpan.FromSeconds(5);
        while (Stopwatch.GetElapsedTime(woken) < end)
        {
            for (var n = 0; n < newest.Count; n++)
            {
                var isNew = await _sites.Secondary.Client.ResolveAsync(newest[n].Repository, "latest", cancellationToken) == newest[n].Digest;
                if (isNew && oldSince[n] is { } since)
                {
                    longest = Math.Max(longest, Stopwatch.GetElapsedTime(since).TotalSeconds);
                    oldSince[n] = null;
                }
                else if (!isNew && arrived[n] && oldSince[n] is null)
                {
                    oldSince[n] = Stopwatch.GetTimestamp();
                    seen++;
                }

                arrived[n] |= isNew;
            }

            await Task.Delay(_options.Rest, TimeProvider.System, cancellationToken);
        }

        for (var n = 0; n < newest.Count; n++)
        {
            await Wait.UntilAsync(
                async _ => await _sites.Secondary.Client.ResolveAsync(newest[n].Repository, "latest", cancellationToken) == newest[n].Digest, _options.Patience,
                () => $"{newest[n]} is not the newest {(end + _options.Patience).TotalSeconds:0} s after the waking\n{_sites.Secondary.Geo.Serve?.LogTail(25)}\n{_worker.LogTail(25)}",
                cancellationToken);
        }

        return (seen, longest);
    }
}
