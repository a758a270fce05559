using GeoDR.Lab;
using GeoDR.Lab.Registries;

// Not GeoDR.Core.Tests.Lab: that has a helper named LabRegistry too, which would hide the registry itself.
namespace GeoDR.Core.Tests.LabRegistries;

/// <summary>A registry that <see cref="RegistryClientTests"/> runs against, with a listener for its notifications.</summary>
public abstract class RegistryFixture : IAsyncLifetime
{
    public const string Secret = "Bearer s3cret";

    public Uri Url { get; protected set; } = null!;
    public NotificationListener Listener { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Listener = await NotificationListener.StartAsync();
        await StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await Listener.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected abstract Task StartAsync();

    protected abstract Task StopAsync();
}

public sealed class LabRegistryFixture : RegistryFixture
{
    LabRegistry _registry = null!;

    protected override async Task StartAsync()
    {
        _registry = await LabRegistry.StartAsync(new()
        {
            Notifications = [new(Listener.Url) { Authorization = Secret, IncludeReferences = true }],
        });
        Url = _registry.Url;
    }

    protected override Task StopAsync() => _registry.DisposeAsync().AsTask();
}

public sealed class DistributionFixture : RegistryFixture
{
    readonly string _directory = Directory.CreateTempSubdirectory("geodr-distribution-").FullName;
    DistributionRegistry _registry = null!;

    protected override async Task StartAsync()
    {
        _registry = await DistributionRegistry.StartNewAsync(_directory, new()
        {
            Notifications = [new("listener", Listener.Url, Secret)],
        });
        Url = _registry.Url;
    }

    protected override async Task StopAsync()
    {
        await _registry.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}

public sealed class LabRegistryClientTests(LabRegistryFixture fixture) : RegistryClientTests(fixture), IClassFixture<LabRegistryFixture>;

public sealed class DistributionClientTests(DistributionFixture fixture) : RegistryClientTests(fixture), IClassFixture<DistributionFixture>;
