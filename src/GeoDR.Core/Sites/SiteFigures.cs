namespace GeoDR.Sites;

/// <summary>How fast this site took over what the primary holds, over the last five minutes.</summary>
/// <param name="RepositoriesPerMinute">Repositories that became synced.</param>
/// <param name="BytesPerSecond">Of the pieces of work that ended.</param>
public sealed record Throughput(double RepositoriesPerMinute, double BytesPerSecond);

/// <summary>How a site is, in the figures that it tells the others with its heartbeat: the same that its own status shows.</summary>
/// <param name="Reasons">Why it is not healthy, in words.</param>
/// <param name="LagEvents">Events known there and not yet taken in; null on a primary.</param>
/// <param name="LagSeconds">Age of the oldest of them.</param>
/// <param name="OldestUnsyncedSeconds">Age of the oldest push that is known and not there.</param>
/// <param name="BytesWaiting">As far as sizes are known.</param>
/// <param name="CatchUpSeconds">Null when nothing waits or nothing moved lately.</param>
/// <param name="Verified">Repositories whose last verification found all well.</param>
/// <param name="Damaged">Repositories with something missing or damaged.</param>
public sealed record SiteFigures(
    IReadOnlyList<string> Reasons, bool Paused, long? LagEvents, double? LagSeconds, double? OldestUnsyncedSeconds, long ReferencesWaiting, long BytesWaiting,
    double? CatchUpSeconds, Throughput? Throughput, long? Verified, long? Damaged, int Workers, long OpenAlerts)
{
    private const int MostReasons = 12;
    private const int LongestReason = 300;

    /// <summary>What another site told, no longer than what is shown.</summary>
    public static SiteFigures? Take(SiteFigures? told) => told is { Reasons: not null } ? told.Shortened() : null;

    /// <summary>The same with no more and no longer reasons than are shown.</summary>
    public SiteFigures Shortened() => this with
    {
        Reasons = [.. Reasons.Where(r => r is not null).Take(MostReasons).Select(r => r.Length <= LongestReason ? r : r[..LongestReason] + "…")],
    };
}
