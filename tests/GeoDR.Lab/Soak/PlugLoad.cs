using System.Collections.Concurrent;

namespace GeoDR.Lab;

/// <summary>One push of a tag, as its client saw it.</summary>
/// <param name="At">When the client heard that it was taken; when it was given up, where it heard nothing.</param>
/// <param name="Acknowledged">The registry answered 201.</param>
public sealed record ClientPush(string Repository, string Tag, string Digest, DateTimeOffset At, bool Acknowledged);

/// <summary>Clients that push all the time, over tags and beside them, until the registry is gone; each into repositories of its own.</summary>
public sealed class PlugLoad(Site primary, int seed)
{
    private const int Clients = 3;
    private const int Repositories = 4;
    private const int Tags = 8;
    private const int LargestLayer = 250_000;

    private readonly Random[] _random = [.. Enumerable.Range(0, Clients).Select(c => new Random((seed * 1_009) + c))];
    private readonly ConcurrentQueue<ClientPush> _pushes = new();
    private long _image = (long)seed << 32;

    /// <summary>Everything that was pushed, in the order of the answers.</summary>
    public IReadOnlyList<ClientPush> Pushes => [.. _pushes];

    /// <summary>Runs until the registry fails, or is stopped.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        primary.Pusher.Forget();
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(c => ClientAsync(c, stop)));
    }

    /// <summary>One tag into every repository.</summary>
    public async Task BeginAsync(CancellationToken cancellationToken)
    {
        foreach (var number in Enumerable.Range(0, Clients * Repositories))
        {
            await MendAsync(Name(number), "t0", cancellationToken);
        }
    }

    /// <summary>A push over a tag that the registry cannot read any more.</summary>
    public async Task MendAsync(string repository, string tag, CancellationToken cancellationToken)
    {
        primary.Pusher.Forget();
        var digest = (await primary.Pusher.PushAsync(repository, tag, ImageSpec.Random(ImageKind.Oci, Interlocked.Increment(ref _image), layers: 1), cancellationToken)).Digest;
        _pushes.Enqueue(new(repository, tag, digest, TimeProvider.System.GetUtcNow(), true));
    }

    private static string Name(int number) => $"plug/r{number:00}";

    private async Task ClientAsync(int client, CancellationToken stop)
    {
        var random = _random[client];
        try
        {
            while (!stop.IsCancellationRequested)
            {
                var (repository, tag) = (Name((client * Repositories) + random.Next(Repositories)), $"t{random.Next(Tags)}");
                var spec = new ImageSpec(ImageKind.Oci, Interlocked.Increment(ref _image), new LayerSpec(_image, random.Next(1000, LargestLayer)));
                var digest = (await primary.Pusher.PushAsync(repository, tag, spec, CancellationToken.None)).Digest;
                _pushes.Enqueue(new(repository, tag, digest, TimeProvider.System.GetUtcNow(), true));
                await Task.Delay(random.Next(20, 150), stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        catch (Exception e) when (e is HttpRequestException or IOException or LabException)
        {
            // What the registry wrote without saying so is read from its storage; it was pushed when its client gave up.
        }
    }
}
