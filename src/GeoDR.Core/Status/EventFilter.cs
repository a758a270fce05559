using GeoDR.EventLog;

namespace GeoDR.Status;

/// <summary>Which events are asked for.</summary>
/// <param name="Repository">By its whole name; null for all.</param>
/// <param name="Kind">push or delete; null for both.</param>
/// <param name="Before">Only events with a smaller id.</param>
public sealed record EventFilter(string? Repository, string? Kind, long? Before)
{
    public static readonly EventFilter None = new(null, null, null);

    public static IReadOnlyList<string> Kinds { get; } = [EventKinds.Push, EventKinds.Delete];

    /// <summary>Takes whatever a person typed into the address: what cannot be understood filters nothing.</summary>
    public static EventFilter From(string? repository, string? kind, long? before) => new(
        repository?.Replace("\0", "", StringComparison.Ordinal).Trim() is { Length: > 0 } name ? name : null, Kinds.Contains(kind) ? kind : null, before);
}
