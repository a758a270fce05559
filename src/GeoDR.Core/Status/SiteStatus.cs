using GeoDR.Reconcile;
using GeoDR.Sites;
using GeoDR.SyncState;
using GeoDR.Verification;

namespace GeoDR.Status;

/// <summary>Repositories by state.</summary>
public sealed record StateCounts(long Pending, long Started, long Synced, long Failed)
{
    public long Total => Pending + Started + Synced + Failed;
}

/// <summary>Where a secondary is in its primary's log.</summary>
/// <param name="LagEvents">Events known and not yet taken in.</param>
/// <param name="ReadSecondsAgo">Since the log was last read.</param>
/// <param name="BeatSecondsAgo">Since the primary last said it was alive, as far as the log shows.</param>
public sealed record CursorStatus(
    Guid LogId, long EventId, long Head, long LagEvents, double LagSeconds, double ReadSecondsAgo, double BeatSecondsAgo, string? Problem);

/// <summary>The log a primary writes.</summary>
public sealed record LogStatus(Guid LogId, long Head, long Floor, double? LastEventSecondsAgo, long Quarantined, double BeatSecondsAgo);

/// <summary>One site, as the dashboard, the API and the command line show it.</summary>
/// <param name="Health">healthy, degraded, unhealthy, paused or unknown.</param>
/// <param name="Reasons">Why it is not healthy, in words.</param>
/// <param name="OldestUnsyncedSeconds">(secondary) Since the primary was told of the oldest push that is known and not here: as in <see cref="LossSummary"/>.</param>
/// <param name="BytesWaiting">Of waiting references whose size is known.</param>
/// <param name="ReferencesWaiting">Waiting references, known size or not.</param>
/// <param name="CatchUpSeconds">Estimate at the pace of the last five minutes; null when nothing waits or nothing moved.</param>
public sealed record SiteStatus(
    string Name, string Role, string Version, long Term, bool Paused, string Health, IReadOnlyList<string> Reasons, StateCounts Counts,
    CursorStatus? Cursor, LogStatus? Log, double? OldestUnsyncedSeconds, long BytesWaiting, long ReferencesWaiting, long DeletionsWaiting,
    double? CatchUpSeconds, long DivergentWrites, int Workers, IReadOnlyList<Outage> Outages, IReadOnlyList<Request> Requests,
    IReadOnlyList<Peer> Peers, DateTimeOffset At)
{
    /// <summary>Age of what is counted over whole tables; one reading serves all who ask within a second or two.</summary>
    public double CountedSecondsAgo { get; init; }

    /// <summary>How much of what is here was looked at; null on a primary.</summary>
    public VerificationCoverage? Verification { get; init; }

    /// <summary>(secondary) What would be lost, were the primary lost now.</summary>
    public LossSummary? Loss { get; init; }

    /// <summary>(secondary) How fast it catches up.</summary>
    public Throughput? Throughput { get; init; }

    /// <summary>Alerts that are raised and not over; `geodr alerts list` says what they are.</summary>
    public long OpenAlerts { get; init; }
    /// <summary>(primary) How much of the log is kept, and for whom.</summary>
    public LogKeeping? LogKept { get; init; }

    /// <summary>(primary) The site whose promotion fences it; null when nothing does.</summary>
    public string? FencedBy { get; init; }

    /// <summary>How far this site's registry was read, and what the last comparison came to.</summary>
    public ReconcileStatus? Reconcile { get; init; }

    /// <summary>What of this the other sites are told.</summary>
    public SiteFigures ToFigures() => new SiteFigures(
        Reasons, Paused, Cursor?.LagEvents, Cursor?.LagSeconds, OldestUnsyncedSeconds, ReferencesWaiting, BytesWaiting, CatchUpSeconds, Throughput,
        Verification?.Succeeded, Verification?.Damaged, Workers, OpenAlerts).Shortened();
}

/// <summary>The comparisons of a site.</summary>
/// <param name="Last">The newest that ended or runs; null before the first.</param>
/// <param name="Repositories">With at least one tag known.</param>
/// <param name="ReadInADay">Of them, read whole within the last 24 hours.</param>
/// <param name="OldestReadAt">When the one was read that waits longest; null while some were never read.</param>
public sealed record ReconcileStatus(ReconcileRun? Last, long Repositories, long ReadInADay, DateTimeOffset? OldestReadAt);
