using System.Security.Cryptography.X509Certificates;

namespace GeoDR.Lab.Registries;

/// <summary>What a <see cref="LabRegistry"/> is started with.</summary>
public sealed record LabRegistryOptions
{
    /// <summary>0: any free port; kept when the registry restarts.</summary>
    public int Port { get; init; }
    public IReadOnlyList<LabNotificationEndpoint> Notifications { get; init; } = [];
    public TimeProvider Time { get; init; } = TimeProvider.System;
    /// <summary>Serves https with it.</summary>
    public X509Certificate2? Certificate { get; init; }
}

/// <summary>A registry in this process that implements the distribution specification 1.1 and misbehaves on demand.</summary>
public sealed class LabRegistry : IAsyncDisposable
{
    readonly LabRegistryOptions _options;
    readonly RegistryStore _store = new();
    readonly LabTokenSigner _signer;
    List<NotificationQueue> _queues = [];
    KestrelHost? _host;
    KestrelHost? _objectHost;

    LabRegistry(LabRegistryOptions options)
    {
        _options = options;
        _signer = LabTokenSigner.Ecdsa(options.Time);
        ObjectStorage = new ObjectStorage(_store, Switches, options.Time);
    }

    /// <summary>Such as <c>http://127.0.0.1:41234/</c>; the same after a restart.</summary>
    public Uri Url { get; private set; } = null!;
    /// <summary>Host and port, as image references have them.</summary>
    public string Authority => Url.Authority;
    public LabRegistrySwitches Switches { get; } = new();
    public RequestLog Requests { get; } = new();
    public ObjectStorage ObjectStorage { get; }
    /// <summary>Notifications that no endpoint has accepted yet.</summary>
    public int PendingNotifications => _queues.Sum(q => q.Pending);

    public static async Task<LabRegistry> StartAsync(LabRegistryOptions? options = null)
    {
        var registry = new LabRegistry(options ?? new LabRegistryOptions());
        await registry.StartAgainAsync();
        return registry;
    }

    /// <summary>Stops listening. Contents stay; notifications that wait are lost, as they are with Distribution.</summary>
    public async Task StopAsync()
    {
        if (_host is not null)
        {
            await _host.DisposeAsync();
            _host = null;
        }

        foreach (var queue in _queues)
        {
            await queue.DisposeAsync();
        }

        _queues = [];
    }

    /// <summary>After <see cref="StopAsync"/>: on the same port, with a new instanceID.</summary>
    public async Task StartAgainAsync()
    {
        var port = Url?.Port ?? _options.Port;
        _objectHost ??= await KestrelHost.StartAsync(0, ObjectStorage.HandleAsync);
        ObjectStorage.Url = _objectHost.Url;
        _queues = [.. _options.Notifications.Select(e => new NotificationQueue(e, _options.Time))];
        // Clients may already knock when the port opens, so everything is ready before; only the port is not known yet.
        var events = new RegistryEvents(_queues, _options.Time, () => $"{Environment.MachineName}:{Url?.Port}");
        var pipeline = new RegistryPipeline(_store, Switches, Requests, events, ObjectStorage, _signer, _options.Time);
        _host = await KestrelHost.StartAsync(port, pipeline.HandleAsync, _options.Certificate);
        Url = _host.Url;
    }

    /// <summary>Puts an image in at once, without requests and without events.</summary>
    public LabRegistry Seed(string repository, string? tag, LabImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        Seed(_store.GetOrAdd(repository), tag, image);
        return this;
    }

    /// <summary>Takes a tag out of the storage, without requests and without events; its manifest stays.</summary>
    public LabRegistry Unseed(string repository, string tag)
    {
        _store.GetOrAdd(repository).RemoveTag(tag);
        return this;
    }

    /// <summary><paramref name="count"/> repositories named <c>gen/000000</c> and on, all with this image; nothing is stored for each.</summary>
    public void SeedGenerated(int count, LabImage image, string tag = "latest", string prefix = "gen/") =>
        SeedGenerated(count, new Dictionary<string, LabImage> { [tag] = image }, prefix);

    /// <summary>The same with several tags.</summary>
    public void SeedGenerated(int count, IReadOnlyDictionary<string, LabImage> tags, string prefix = "gen/")
    {
        ArgumentNullException.ThrowIfNull(tags);
        var shared = new Repository();
        foreach (var (tag, image) in tags)
        {
            Seed(shared, tag, image);
        }

        _store.Generated = new GeneratedRepositories(prefix, count, shared);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        if (_objectHost is not null)
        {
            await _objectHost.DisposeAsync();
        }

        _signer.Dispose();
        _store.Dispose();
    }

    void Seed(Repository repository, string? tag, LabImage image)
    {
        foreach (var (digest, bytes) in image.Blobs)
        {
            _store.AddBlob(digest, new BlobContent(bytes));
            repository.Link(digest);
        }

        foreach (var child in image.Children)
        {
            Seed(repository, null, child);
        }

        repository.Put(image.Manifest);
        if (tag is not null)
        {
            repository.SetTag(tag, image.Digest, _options.Time.GetUtcNow(), TimeSpan.Zero);
        }
    }
}
