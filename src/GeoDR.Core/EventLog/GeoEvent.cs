namespace GeoDR.EventLog;

/// <summary>The kinds of geo event, as they stand in the log.</summary>
public static class EventKinds
{
    public const string Push = "push";
    public const string Delete = "delete";
    /// <summary>A promotion: the first event of the log that it opened. It concerns no repository.</summary>
    public const string Term = "term";
}

/// <summary>What one notification says happened to a repository, before it has a place in the log.</summary>
/// <param name="SourceEventId">The sender's own id of the event; the same id is appended once.</param>
/// <param name="Kind">One of <see cref="EventKinds"/>.</param>
/// <param name="Repository">OCI repository name.</param>
/// <param name="Tag">The tag, if one was named.</param>
/// <param name="Digest">The manifest's digest, if one was named.</param>
/// <param name="Size">Bytes of the manifest itself.</param>
/// <param name="Bytes">Bytes of everything the manifest refers to; null when the sender did not say.</param>
public sealed record NewEvent(
    string SourceEventId, string Kind, string Repository, string? Tag, string? Digest,
    string? MediaType, long? Size, long? Bytes, string? InstanceId, string? Actor, string? Agent, DateTimeOffset? OccurredAt);

/// <summary>An envelope or event that could not be understood, kept as it came.</summary>
/// <param name="Sender">The address it came from.</param>
/// <param name="Format">Whose notification it is, by the path it came on.</param>
public sealed record QuarantinedBody(
    ReadOnlyMemory<byte> Body, bool Truncated, IReadOnlyList<string> Problems, string? Sender, string Format = "distribution");

/// <summary>An event as a reader sees it.</summary>
/// <param name="Age">Time since the primary received it, by the clock of the database that was read.</param>
public sealed record LoggedEvent(
    long Id, long Key, string Kind, string Repository, string? Tag, string? Digest, string? MediaType, long? Bytes, TimeSpan Age)
{
    /// <summary>From the push, by the sender's clock, to its receipt; null where the sender did not say.</summary>
    public TimeSpan? Late { get; init; }
}

/// <summary>A place in one log: valid only in the log with this identity, and only while that event carries this key.</summary>
public readonly record struct LogPosition(Guid LogId, long EventId, long EventKey);
