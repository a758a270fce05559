namespace GeoDR.SyncState;

/// <summary>The state of one repository at a secondary; the numbers are stored and part of the API.</summary>
public enum RepositoryState
{
    /// <summary>Something is to be done and nobody has begun.</summary>
    Pending = 0,
    /// <summary>A worker has it.</summary>
    Started = 1,
    /// <summary>Everything wanted is at the secondary.</summary>
    Synced = 2,
    /// <summary>Something could not be copied; it is tried again at the row's retry time, if it has one.</summary>
    Failed = 3,
}

/// <summary>How a failure is treated.</summary>
public enum FailureKind
{
    /// <summary>No retry until something changes: the registry will say the same again.</summary>
    Terminal,
    /// <summary>Tried again, later each time.</summary>
    Retryable,
}

/// <summary>Why a reference, or a repository as a whole, could not be copied.</summary>
/// <param name="Cause">A short, stable word to group by.</param>
/// <param name="Message">Whole, with the registry's own error.</param>
public sealed record Failure(FailureKind Kind, string Cause, string Message);

/// <summary>One repository in the hands of one worker. The token fences: whoever holds an older one changes nothing.</summary>
/// <param name="FullWanted">The mark that a completed full sync may set as done; a later wish has a higher one.</param>
/// <param name="WantsFull">Whether this claim should do a full sync after the waiting references.</param>
public sealed record ClaimedRepository(long Id, string Name, long Token, long FullWanted, bool WantsFull, int RetryCount)
{
    /// <summary>Verification found something missing or damaged here that this claim is to fetch again: nothing remembered of it holds.</summary>
    public bool HasDamage { get; init; }
}

/// <summary>A tag or digest that a claim works on.</summary>
/// <param name="Reference">A tag, or a digest for a manifest pushed without one.</param>
/// <param name="Digest">What the newest event says it points to.</param>
/// <param name="Fresh">The event is young enough that a registry that disagrees may not have linked the tag yet.</param>
/// <param name="Recheck">A dead worker's write may have landed: read the own registry, do not trust the inventory.</param>
public sealed record WaitingReference(string Reference, long EventId, string? Digest, bool Fresh, int Tries, bool Recheck, bool RecheckPassed);

/// <summary>What the references of a row look like when its work ends.</summary>
public readonly record struct Remaining(
    long Waiting, long Failed, DateTimeOffset? WaitingFrom, DateTimeOffset? RetryFrom, DateTimeOffset Now);

/// <summary>What a finished piece of work found out about the row as a whole.</summary>
/// <param name="FullDone">The claim's mark, where a full sync completed.</param>
/// <param name="FullFailure">Where the full sync could not be done.</param>
/// <param name="AnyFailed">Whether any reference failed in this work.</param>
public sealed record WorkResult(long? FullDone, Failure? FullFailure, bool AnyFailed);

/// <summary>A row's columns as one transition leaves them.</summary>
public sealed record RowUpdate(
    RepositoryState State, int Priority, int RetryCount, DateTimeOffset? RetryAt, long FullDone, DateTimeOffset? FullNotBefore);

/// <summary>The rules of the state row; pure.</summary>
public static class Transition
{
    public const int Fresh = 0;
    public const int Backfill = 1;

    /// <summary>Where a row goes when its work ends.</summary>
    public static RowUpdate After(
        WorkResult result, Remaining left, long fullWanted, long fullDone, DateTimeOffset? fullNotBefore, int retryCount, double jitter)
    {
        var done = Math.Max(fullDone, result.FullDone ?? 0);
        var wantsFull = fullWanted > done;
        var retries = result.AnyFailed || result.FullFailure is not null ? retryCount + 1 : retryCount;
        var notBefore = result.FullFailure switch
        {
            null => wantsFull ? fullNotBefore : null,
            { Kind: FailureKind.Terminal } => DateTimeOffset.MaxValue,
            _ => left.Now + RetryDelay(retries, jitter),
        };
        if (left.Waiting > 0)
            return new RowUpdate(RepositoryState.Pending, Fresh, retries, left.WaitingFrom > left.Now ? left.WaitingFrom : null, done, notBefore);
        if (wantsFull && (notBefore is null || notBefore <= left.Now))
            return new RowUpdate(RepositoryState.Pending, Backfill, retries, null, done, null);
        if (left.Failed > 0 || wantsFull)
            return new RowUpdate(RepositoryState.Failed, Backfill, retries, Earliest(left.RetryFrom, wantsFull ? notBefore : null), done, notBefore);
        return new RowUpdate(RepositoryState.Synced, Fresh, 0, null, done, null);
    }

    /// <summary>min(n⁴ + 15 s + jitter, 1 h), where <paramref name="jitter"/> is in [0, 1).</summary>
    public static TimeSpan RetryDelay(int tries, double jitter) =>
        TimeSpan.FromSeconds(Math.Min(Math.Pow(Math.Max(tries, 1), 4) + 15 + jitter * 30, 3600));

    /// <summary>How long a reference waits whose tag is not linked yet: 0.1 s, doubling to 2 s.</summary>
    public static TimeSpan LinkDelay(int tries) => TimeSpan.FromSeconds(Math.Min(0.1 * Math.Pow(2, Math.Min(tries, 10)), 2));

    private static DateTimeOffset? Earliest(DateTimeOffset? a, DateTimeOffset? b)
    {
        var earliest = a is null ? b : b is null || a < b ? a : b;
        return earliest == DateTimeOffset.MaxValue ? null : earliest;
    }
}
