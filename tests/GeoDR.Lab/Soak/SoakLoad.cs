using System.Collections.Concurrent;

namespace GeoDR.Lab;

/// <summary>Clients that push all the time, of everything: overwritten tags, shared layers, indexes, manifests by digest alone. A push that fails is sent again until it is taken.</summary>
public sealed class SoakLoad : IAsyncDisposable
{
    private const int Clients = 3;
    private const int Repositories = 12;
    private const int Tags = 5;

    private readonly Site _primary;
    private readonly int _largestLayer;
    private readonly ConcurrentDictionary<string, bool> _byDigestAlone = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim[] _gates;
    private readonly List<Task> _clients = [];
    private volatile TaskCompletionSource _go = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _pushed;

    /// <param name="largestLayer">Bytes, of the layers that the clients push by themselves.</param>
    public SoakLoad(Site primary, int seed, int largestLayer)
    {
        (_primary, _largestLayer) = (primary, largestLayer);
        _gates = [.. Enumerable.Range(0, Clients).Select(_ => new SemaphoreSlim(1, 1))];
        for (var client = 0; client < Clients; client++)
        {
            _clients.Add(ClientAsync(client, new Random((seed * 100) + client)));
        }
    }

    /// <summary>Pushes that a registry took.</summary>
    public long Pushed => Interlocked.Read(ref _pushed);

    /// <summary>Digests that were pushed without a tag: they must travel too.</summary>
    public HashSet<string> ByDigestAlone => [.. _byDigestAlone.Keys];

    public void Go() => _go.TrySetResult();

    /// <summary>Returns when every push that was begun has been taken.</summary>
    public async Task RestAsync(TimeSpan deadline)
    {
        _go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        foreach (var gate in _gates)
        {
            if (!await gate.WaitAsync(deadline))
            {
                throw new LabException($"a push was not taken within {deadline.TotalSeconds:0} s");
            }

            gate.Release();
        }
    }

    /// <summary>One large layer, beside the clients.</summary>
    public Task PushLargeAsync(long seed, long bytes) =>
        UntilTakenAsync(() => _primary.Pusher.PushAsync("soak/large", $"t{seed % 2}", new ImageSpec(ImageKind.Oci, seed, new LayerSpec(seed, bytes)), _stop.Token));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_clients).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
        foreach (var gate in _gates)
        {
            gate.Dispose();
        }
    }

    private async Task ClientAsync(int client, Random random)
    {
        for (var n = 0; ; n++)
        {
            await _go.Task.WaitAsync(_stop.Token);
            await _gates[client].WaitAsync(_stop.Token);
            try
            {
                if (_go.Task.IsCompleted)
                {
                    await PushOneAsync(((long)client << 32) + n, random);
                }
            }
            finally
            {
                _gates[client].Release();
            }
        }
    }

    private async Task PushOneAsync(long n, Random random)
    {
        var repository = $"soak/r{random.Next(Repositories)}";
        var tag = $"t{random.Next(Tags)}";
        var seed = random.NextInt64(1, 1L << 40) + n;
        // Every third layer is one of a few that many images share.
        var layers = Enumerable.Range(0, random.Next(1, 4)).Select(_ => random.Next(3) == 0
            ? new LayerSpec(random.Next(1, 9), 30_000)
            : new LayerSpec(random.NextInt64(1, 1L << 40), Size(random))).DistinctBy(l => l.Seed).ToList();
        var kind = random.Next(10) switch { 0 => ImageKind.OciIndex, 1 => ImageKind.DockerList, < 6 => ImageKind.Docker, _ => ImageKind.Oci };
        var image = new ImageSpec(kind, seed, [.. layers]);
        var alone = random.Next(10) == 0;
        var again = random.Next(10) == 0;
        await UntilTakenAsync(async () =>
        {
            var pushed = await _primary.Pusher.PushAsync(repository, alone ? null : tag, image, _stop.Token);
            if (alone)
            {
                _byDigestAlone[pushed.Digest] = true;
            }
            else if (again)
            {
                await _primary.Pusher.TagAsync(repository, pushed.Digest, "also", _stop.Token);
            }
        });
    }

    private long Size(Random random) => random.Next(20) == 0 ? random.Next(_largestLayer / 4, _largestLayer) : random.Next(1, 200_000);

    private async Task UntilTakenAsync(Func<Task> push)
    {
        while (true)
        {
            try
            {
                await push();
                Interlocked.Increment(ref _pushed);
                return;
            }
            catch (Exception e) when (e is HttpRequestException or IOException or LabException || (e is OperationCanceledException && !_stop.IsCancellationRequested))
            {
                // The registry is away, or lost what it had not written: the next try sends everything.
                _primary.Pusher.Forget();
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, _stop.Token);
            }
        }
    }
}
