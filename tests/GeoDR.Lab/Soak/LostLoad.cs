namespace GeoDR.Lab;

/// <summary>
/// Clients that push new tags, move tags and delete, each in repositories of its own, so that what happens to a tag has one order. Every
/// repository keeps one tag for ever: the last tags of a repository go only by an operator's word.
/// </summary>
public sealed class LostLoad(Site primary, int seed)
{
    private const int Clients = 3;
    private const int Repositories = 3;
    private const int Tags = 8;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly Dictionary<string, string?>[] _tags = [.. Enumerable.Range(0, Clients * Repositories).Select(_ => new Dictionary<string, string?>())];
    private readonly Random[] _random = [.. Enumerable.Range(0, Clients).Select(c => new Random((seed * 1_009) + c))];
    private long _image = (long)seed << 32;
    private long _pushes;
    private long _deletions;

    public long Pushes => Interlocked.Read(ref _pushes);

    public long Deletions => Interlocked.Read(ref _deletions);

    /// <summary>Pause of each client between two steps.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromMilliseconds(60);

    /// <summary>Runs until <paramref name="stop"/>, and to the end of what was begun.</summary>
    public Task RunAsync(CancellationToken stop) => Task.WhenAll(Enumerable.Range(0, Clients).Select(c => ClientAsync(c, stop)));

    private async Task ClientAsync(int client, CancellationToken stop)
    {
        var random = _random[client];
        while (!stop.IsCancellationRequested)
        {
            await StepAsync((client * Repositories) + random.Next(Repositories), random);
            await Task.Delay(Pause, TimeProvider.System, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task StepAsync(int number, Random random)
    {
        var (repository, tags) = ($"lost/r{number:00}", _tags[number]);
        if (!tags.ContainsKey("keep"))
        {
            await PushAsync(repository, tags, "keep");
            return;
        }

        var tag = $"t{random.Next(Tags):00}";
        if (!tags.TryGetValue(tag, out var digest) || digest is null || random.Next(3) > 0)
        {
            await PushAsync(repository, tags, tag);
        }
        else
        {
            await DeleteAsync(repository, tags, digest, tag);
        }
    }

    private async Task PushAsync(string repository, Dictionary<string, string?> tags, string tag)
    {
        using var deadline = new CancellationTokenSource(s_patience);
        while (true)
        {
            try
            {
                var image = ImageSpec.Random(ImageKind.Oci, Interlocked.Increment(ref _image), layers: 1, size: 2000);
                tags[tag] = (await primary.Pusher.PushAsync(repository, tag, image, deadline.Token)).Digest;
                Interlocked.Increment(ref _pushes);
                return;
            }
            catch (Exception e) when (e is HttpRequestException or IOException or LabException)
            {
                // The registry is away, or lost what it had not written: the next try sends everything.
                primary.Pusher.Forget();
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, deadline.Token);
            }
        }
    }

    private async Task DeleteAsync(string repository, Dictionary<string, string?> tags, string digest, string tag)
    {
        using var deadline = new CancellationTokenSource(s_patience);
        try
        {
            await primary.Pusher.DeleteAsync(repository, digest, deadline.Token);
            Interlocked.Increment(ref _deletions);
            tags[tag] = null;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or LabException)
        {
            // A registry that dies in the middle leaves a tag without its manifest, which only a push over it mends.
            await PushAsync(repository, tags, tag);
        }
    }
}
