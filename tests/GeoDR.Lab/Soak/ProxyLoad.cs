using System.Collections.Concurrent;
using System.Diagnostics;

namespace GeoDR.Lab;

/// <summary>Clients that push through a proxy all the time, each tag once, and try again until it is taken; for how long nothing is taken is their interruption.</summary>
/// <param name="prefix">Of the repositories' names.</param>
/// <param name="pause">Each client rests so long between two pushes.</param>
public sealed class ProxyLoad(Uri proxy, int seed, string prefix = "live", TimeSpan pause = default)
{
    private const int Clients = 3;

    private readonly ConcurrentDictionary<(string Repository, string Tag), string> _taken = new();
    private readonly Lock _gate = new();
    private long _last = Stopwatch.GetTimestamp();
    private TimeSpan _longest;
    private int _image;

    /// <summary>Every push that the registry said it took.</summary>
    public IReadOnlyDictionary<(string Repository, string Tag), string> Taken => _taken;

    /// <summary>The longest time in which no push was taken, since it was asked for last.</summary>
    public TimeSpan TakeLongest()
    {
        lock (_gate)
        {
            var longest = _longest;
            _longest = TimeSpan.Zero;
            return longest;
        }
    }

    public Task RunAsync(CancellationToken stop) => Task.WhenAll(Enumerable.Range(0, Clients).Select(c => ClientAsync(c, stop)));

    private async Task ClientAsync(int client, CancellationToken stop)
    {
        using var registry = new RegistryClient(proxy, TwoSites.Client);
        var pusher = new RegistryPusher(registry);
        while (!stop.IsCancellationRequested)
        {
            var number = Interlocked.Increment(ref _image);
            var (repository, tag) = ($"{prefix}/c{client}", $"v{number:00000}");
            var image = ImageSpec.Random(ImageKind.Oci, ((long)seed << 32) + number, layers: 1);
            while (!stop.IsCancellationRequested && !await TryAsync(pusher, repository, tag, image))
            {
                pusher.Forget();
                await Task.Delay(20, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            await Task.Delay(pause, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<bool> TryAsync(RegistryPusher pusher, string repository, string tag, ImageSpec image)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        try
        {
            _taken[(repository, tag)] = (await pusher.PushAsync(repository, tag, image, limit.Token)).Digest;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Whatever a proxy answers that has no registry: a client tries again.
            return false;
        }

        lock (_gate)
        {
            var now = Stopwatch.GetTimestamp();
            var since = Stopwatch.GetElapsedTime(_last, now);
            _longest = since > _longest ? since : _longest;
            _last = now;
        }

        return true;
    }
}
