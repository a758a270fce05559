using GeoDR.Lab;
using GeoDR.Lab.Registries;
using LabRegistry = GeoDR.Lab.Registries.LabRegistry;

namespace GeoDR.Tests.Kinds;

/// <summary>Two sites whose registries may be the lab's own, which has what Debian's lacks.</summary>
public sealed class RegistryPair : IAsyncDisposable
{
    private readonly List<IAsyncDisposable> _parts = [];

    public TwoSites Sites { get; private set; } = null!;
    public LabRegistry? LabSource { get; private set; }
    public LabRegistry? LabTarget { get; private set; }
    public RegistryClient Source { get; private set; } = null!;
    public RegistryClient Target { get; private set; } = null!;
    public RegistryPusher Pusher { get; private set; } = null!;

    public static async Task<RegistryPair> StartAsync(bool labSource, bool labTarget, Action<GeoSite>? configure = null)
    {
        var pair = new RegistryPair();
        var port = Ports.Free();
        pair.LabSource = labSource ? await StartAsync(pair, new Uri($"http://127.0.0.1:{port}/api/v4/container_registry_event/events")) : null;
        pair.LabTarget = labTarget ? await StartAsync(pair, null) : null;
        pair.Sites = await TwoSites.StartAsync(new TwoSitesOptions
        {
            PortsByName = new Dictionary<string, int> { [TwoSites.PrimaryName] = port },
            Configure = site =>
            {
                var primary = site.Name == TwoSites.PrimaryName;
                if (pair.LabSource is { } source)
                    site.Set(primary ? "Registry:Url" : "Primary:Registry:Url", source.Url.AbsoluteUri);
                if (pair.LabTarget is { } target && !primary)
                    site.Set("Registry:Url", target.Url.AbsoluteUri);
                configure?.Invoke(site);
            },
        });
        pair._parts.Add(pair.Sites);
        pair.Source = pair.LabSource is { } s ? new RegistryClient(s.Url) : pair.Sites.Primary.Client;
        pair.Target = pair.LabTarget is { } t ? new RegistryClient(t.Url) : pair.Sites.Secondary.Client;
        pair.Pusher = pair.LabSource is null ? pair.Sites.Primary.Pusher : new RegistryPusher(pair.Source);
        return pair;
    }

    /// <summary>Returns when both registries hold the same in one repository, byte for byte.</summary>
    public async Task WaitUntilEqualAsync(string repository, IReadOnlySet<string> byDigestAlone, TimeSpan deadline, CancellationToken cancel)
    {
        try
        {
            await RegistrySnapshot.WaitUntilEqualAsync(
                async token => await RegistrySnapshot.ReadAsync(Source, Options(Sites.Primary, LabSource) with { Repository = repository }, token),
                async token => await RegistrySnapshot.ReadAsync(Target, Options(Sites.Secondary, LabTarget) with { Repository = repository }, token), byDigestAlone, deadline, cancel);
        }
        catch (LabException e)
        {
            throw new LabException($"{e.Message}\n{Sites.Secondary.Geo.Serve?.LogTail(40)}\nthe primary:\n{Sites.Primary.Geo.Serve?.LogTail(20)}", e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _parts.Reverse();
        foreach (var part in _parts)
            await part.DisposeAsync();
    }

    private static SnapshotOptions Options(Site site, LabRegistry? lab) =>
        new() { HashBlobs = true, StorageDirectory = lab is null ? site.Registry.StorageDirectory : null };

    private static async Task<LabRegistry> StartAsync(RegistryPair pair, Uri? notifications)
    {
        var registry = await LabRegistry.StartAsync(new LabRegistryOptions
        {
            Notifications = notifications is null ? [] : [new LabNotificationEndpoint(notifications) { Authorization = "notifies-geodr" }],
        });
        pair._parts.Add(registry);
        return registry;
    }
}

/// <summary>Every kind between two of Debian's registries.</summary>
public sealed class DistributionKindsTests(DistributionKindsTests.Fixture fixture) : IClassFixture<DistributionKindsTests.Fixture>
{
    public sealed class Fixture : IAsyncLifetime
    {
        public RegistryPair Pair { get; private set; } = null!;
        public async ValueTask InitializeAsync() => Pair = await RegistryPair.StartAsync(
            labSource: false, labTarget: false, site => site.Set("Verification:RequestsPerSecond", "100000"));
        public ValueTask DisposeAsync() => Pair.DisposeAsync();
    }

    public static TheoryData<string> Kinds => new(ImageKinds.Names);

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Kind_PushedToDistribution_IsTheSameAtTheSecondary(string kind)
    {
        var stop = TestContext.Current.CancellationToken;
        var kinds = new ImageKinds(fixture.Pair.Pusher, $"kinds/{kind}", stop);
        await kinds.PushAsync(kind);
        await fixture.Pair.WaitUntilEqualAsync($"kinds/{kind}", kinds.ByDigestAlone, TimeSpan.FromSeconds(15), stop);
        foreach (var digest in kinds.ByDigestAlone)
            Assert.NotNull(await fixture.Pair.Target.GetManifestAsync($"kinds/{kind}", digest, stop));
    }

    [Fact]
    public async Task Kinds_AllOfThem_AreFoundWellByADeepCheck()
    {
        var stop = TestContext.Current.CancellationToken;
        var all = new HashSet<string>();
        foreach (var kind in ImageKinds.Names)
        {
            var kinds = new ImageKinds(fixture.Pair.Pusher, $"verified/{kind}", stop);
            await kinds.PushAsync(kind);
            all.UnionWith(kinds.ByDigestAlone);
        }
        await fixture.Pair.Sites.WaitUntilEqualAsync(TimeSpan.FromSeconds(30), all, stop);
        var run = await fixture.Pair.Sites.Secondary.Geo.RunAsync("verify", "--deep");
        Assert.True(run.ExitCode == 0, $"{run.Output}\n{run.Error}");
    }

    [Fact]
    public async Task Repository_WithALongPath_IsCopied()
    {
        var stop = TestContext.Current.CancellationToken;
        var name = string.Join('/', Enumerable.Repeat("a-rather-long-component", 10)).PadRight(255, 'x');
        await fixture.Pair.Pusher.PushAsync(name, "v1", ImageSpec.Random(ImageKind.Oci, 91), stop);
        await fixture.Pair.WaitUntilEqualAsync(name, new HashSet<string>(), TimeSpan.FromSeconds(15), stop);
    }
}
