namespace GeoDR.Lab.Tool.Bench;

/// <summary>What <c>bench lag</c> does; the defaults are the figure that is quoted.</summary>
internal sealed record LagOptions
{
    /// <summary>A narrow line between the sites: what the backfill waits for, and small pushes hardly feel.</summary>
    public const long DefaultBytesPerSecond = 1_600_000;

    public int Pushes { get; init; } = 100;

    /// <summary>In the primary's registry before the secondary starts, one image each.</summary>
    public int Repositories { get; init; } = 1000;

    public TimeSpan Over { get; init; } = TimeSpan.FromSeconds(100);

    /// <summary>Of each connection between the secondary's workers and the primary's registry; 0 is unlimited.</summary>
    public long BytesPerSecond { get; init; } = DefaultBytesPerSecond;

    /// <summary><c>Geo:Sync:Workers</c> of each of the secondary's two processes: one slot for the backfill, one for what is fresh.</summary>
    public int Workers { get; init; } = 2;

    /// <summary>Bytes of the layer that each filled repository has to itself.</summary>
    public long LayerSize { get; init; } = 512 * 1024;

    public int Seed { get; init; } = 1;
}
