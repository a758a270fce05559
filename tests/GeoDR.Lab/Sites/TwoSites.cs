namespace GeoDR.Lab;

/// <summary>Two complete sites on this machine: <c>berlin</c>, the primary, and <c>madrid</c>, the secondary that follows it.</summary>
public sealed class TwoSites : IAsyncDisposable
{
    public const string PrimaryName = "berlin";
    public const string SecondaryName = "madrid";

    /// <summary>The administrator's name at both dashboards.</summary>
    public const string AdminUser = "admin";

    /// <summary>Who pushes, at both registries.</summary>
    public static readonly BasicAuth Client = new("pusher", "geodr-lab");

    private readonly bool _ownsDirectory;
    private readonly List<IAsyncDisposable> _parts;

    internal TwoSites(TwoSitesOptions options, LabDirectory directory, SiteLinks links, TokenServer tokens, Site primary, Site secondary, PostgresCluster? standby, List<IAsyncDisposable> parts)
    {
        Options = options;
        Directory = directory;
        Links = links;
        Tokens = tokens;
        Primary = primary;
        Secondary = secondary;
        Standby = standby;
        _parts = parts;
        _ownsDirectory = options.Directory is null;
    }

    public TwoSitesOptions Options { get; }

    public LabDirectory Directory { get; }

    /// <summary>The ways in use, proxies included.</summary>
    public SiteLinks Links { get; }

    /// <summary>The realm that clients of both registries get their tokens from.</summary>
    public TokenServer Tokens { get; }

    public Site Primary { get; }

    public Site Secondary { get; }

    /// <summary>The hot standby that the secondary reads, if asked for.</summary>
    public PostgresCluster? Standby { get; }

    public string AdminPassword => Options.AdminPassword;

    public static Task<TwoSites> StartAsync(TwoSitesOptions? options = null, CancellationToken cancellationToken = default) =>
        new TwoSitesBuilder(options ?? new()).StartAsync(cancellationToken);

    /// <summary>Compares both registries, everything below tags and below what was pushed by digest alone.</summary>
    public async Task<RegistryDifference> CompareAsync(IReadOnlySet<string>? pushedByDigestAlone = null, bool hashBlobs = false, CancellationToken cancellationToken = default)
    {
        var primary = Primary.SnapshotAsync(cancellationToken: cancellationToken);
        var secondary = Secondary.SnapshotAsync(hashBlobs, cancellationToken);
        return RegistryDifference.Compare(await primary, await secondary, pushedByDigestAlone);
    }

    /// <summary>Returns when both registries are equal; a passed deadline throws with what differs and the secondary's log.</summary>
    public async Task WaitUntilEqualAsync(TimeSpan deadline, IReadOnlySet<string>? pushedByDigestAlone = null, CancellationToken cancellationToken = default)
    {
        RegistryDifference? difference = null;
        await Wait.UntilAsync(
            async token => (difference = await CompareAsync(pushedByDigestAlone, cancellationToken: token)).IsEmpty,
            deadline,
            () => $"the registries differ:\n{difference}\n{Secondary.Geo.Serve?.LogTail(60)}",
            cancellationToken);
    }

    /// <summary>Returns when the secondary's registry has the image under its tag (or by its digest).</summary>
    public Task WaitForArrivalAsync(PushedImage image, TimeSpan deadline, CancellationToken cancellationToken = default) =>
        Wait.UntilAsync(
            async token => await Secondary.Client.ResolveAsync(image.Repository, image.Tag ?? image.Digest, token) == image.Digest,
            deadline,
            () => $"{image} ({image.Digest}) did not arrive\n{Secondary.Geo.Serve?.LogTail(60)}",
            cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await DisposeAllAsync(_parts);
        if (_ownsDirectory)
        {
            await Directory.DisposeAsync();
        }
    }

    internal static async Task DisposeAllAsync(List<IAsyncDisposable> parts)
    {
        // The last started goes first: a GeoDR before its registry and database.
        parts.Reverse();
        List<Exception> faults = [];
        foreach (var part in parts)
        {
            try
            {
                await part.DisposeAsync();
            }
            catch (Exception e)
            {
                faults.Add(e);
            }
        }

        parts.Clear();
        if (faults.Count > 0)
        {
            throw new AggregateException(faults);
        }
    }
}
