namespace GeoDR.Deletion;

/// <summary>Where a candidate for deletion stands, as stored and shown.</summary>
public static class DeletionStates
{
    /// <summary>Recorded; under the policy "never" it stays so.</summary>
    public const string Seen = "seen";
    /// <summary>Waits for its quarantine's end and for two listings of the primary that lack it.</summary>
    public const string Quarantined = "quarantined";
    /// <summary>Absent at the primary, proven; the brake has not been asked yet.</summary>
    public const string Confirmed = "confirmed";
    /// <summary>To be deleted as soon as the repository is free.</summary>
    public const string Approved = "approved";
    /// <summary>Not deleted, see its hold.</summary>
    public const string Held = "held";
    /// <summary>An operator said that it stays.</summary>
    public const string Kept = "kept";

    public static IReadOnlyList<string> All { get; } = [Seen, Quarantined, Confirmed, Approved, Held, Kept];
}

/// <summary>Why a candidate is held.</summary>
public static class Holds
{
    /// <summary>One pass would delete more than the brake allows; waits for an operator.</summary>
    public const string Brake = "brake";
    /// <summary>The primary names no tag of the repository and not all of them have an event: waits for that, or an operator.</summary>
    public const string Repository = "repository";
    /// <summary>This site's registry refuses; waits for an operator.</summary>
    public const string Refused = "refused";
    /// <summary>This site's registry holds something else than GeoDR wrote; waits for an operator.</summary>
    public const string Divergent = "divergent";
    /// <summary>A tag, an index or a referrer here needs the manifest; looked at again.</summary>
    public const string Needed = "needed";
}

/// <summary>A tag or manifest that was deleted at the primary, or seems to be.</summary>
/// <param name="Reference">A tag, or a digest for a manifest.</param>
/// <param name="Digest">What stood here under it when it was quarantined.</param>
/// <param name="EventId">The primary's delete event; null where only a listing lacked it.</param>
/// <param name="Until">The quarantine's end.</param>
/// <param name="Reason">In words: why it is held, or why a look at the primary proved nothing.</param>
public sealed record DeletionRow(
    long Id, long RepositoryId, string Repository, string Reference, string? Digest, string State, string? Hold, string? Reason, long? EventId,
    DateTimeOffset RecordedAt, DateTimeOffset? Until, DateTimeOffset? MissedAt, DateTimeOffset? ConfirmedAt, string? ReleasedBy)
{
    public bool IsDigest => Reference.Contains(':', StringComparison.Ordinal);
}
