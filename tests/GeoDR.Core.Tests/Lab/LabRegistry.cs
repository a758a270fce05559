using GeoDR.Lab;

namespace GeoDR.Core.Tests.Lab;

/// <summary>One registry with a token server before it, as the tests of the lab need them.</summary>
internal sealed class LabRegistry : IAsyncDisposable
{
    public static readonly BasicAuth User = new("pusher", "pushes");

    private readonly LabDirectory _directory;
    private readonly TokenServer _tokens;

    private LabRegistry(LabDirectory directory, TokenServer tokens, DistributionRegistry registry)
    {
        _directory = directory;
        _tokens = tokens;
        Registry = registry;
        Client = new RegistryClient(registry.Url, User);
        Pusher = new RegistryPusher(Client);
    }

    public DistributionRegistry Registry { get; }

    public RegistryClient Client { get; }

    public RegistryPusher Pusher { get; }

    public string PathOf(string name) => _directory.PathOf(name);

    public static async Task<LabRegistry> StartAsync(SigningAlgorithm algorithm = SigningAlgorithm.EllipticCurve, params IReadOnlyList<NotificationEndpoint> notifications)
    {
        var directory = LabDirectory.Create();
        using var other = SigningKey.Create(directory.Root, "other");
        var key = SigningKey.Create(directory.Root, "clients", algorithm);
        var bundle = directory.PathOf("bundle.pem");
        SigningKey.WriteBundle(bundle, other, key);
        var tokens = await TokenServer.StartAsync(key, "lab-issuer", User);
        var registry = await DistributionRegistry.StartNewAsync(directory.PathOf("registry"), new DistributionOptions
        {
            Token = new TokenAuth(tokens.Realm, "lab-registry", "lab-issuer", bundle),
            Notifications = notifications,
        });
        return new LabRegistry(directory, tokens, registry);
    }

    public Task<RegistrySnapshot> SnapshotAsync(bool hash = false) =>
        RegistrySnapshot.ReadAsync(Client, new SnapshotOptions { StorageDirectory = Registry.StorageDirectory, HashBlobs = hash }, TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Registry.DisposeAsync();
        await _tokens.DisposeAsync();
        await _directory.DisposeAsync();
    }
}
