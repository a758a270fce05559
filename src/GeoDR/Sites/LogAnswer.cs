using GeoDR.EventLog;

namespace GeoDR.Sites;

/// <summary>What <c>GET /api/v1/log</c> answers. Members that are added later are ignored by readers that do not know them; one that changes its meaning is another version.</summary>
/// <param name="Version">Of this answer; nothing else is read from one whose version is unknown.</param>
/// <param name="Log">Null where that site has not opened a log.</param>
/// <param name="Waited">Seconds from the call's arrival to the reading, at least.</param>
/// <param name="Events">The page, in order of id.</param>
/// <param name="Position">Where <c>before=</c> asked for one.</param>
internal sealed record LogAnswer(int Version, LogAnswerState? Log, double Waited, IReadOnlyList<LogAnswerEvent> Events, LogAnswerPosition? Position)
{
    /// <summary>The path of the endpoint, at every site.</summary>
    public const string Path = "/api/v1/log";

    public const int MaxLimit = 1000;
    public const int MaxWaitSeconds = 25;

    public static LogAnswer Of(LogPage? page, TimeSpan waited) => new(
        LogReader.KnownVersion,
        page is null ? null : new(page.Log.LogId, page.Log.Floor, page.Log.Head, page.Log.BeatAge.TotalSeconds), waited.TotalSeconds,
        [.. (page?.Events ?? []).Select(LogAnswerEvent.Of)], null);

    public static LogAnswer Of(LogPosition? position) =>
        new(LogReader.KnownVersion, null, 0, [], position is { } p ? new(p.LogId, p.EventId, p.EventKey) : null);

    /// <summary>Told in place of all else where this program does not know its own database's log.</summary>
    public static LogAnswer Unknown(int version) => new(version, null, 0, [], null);
}

/// <param name="Beat">Seconds since that site last said, in its log, that it is alive.</param>
internal sealed record LogAnswerState(Guid Id, long Floor, long Head, double Beat);

internal sealed record LogAnswerPosition(Guid Log, long Id, long Key);

/// <param name="Age">Seconds since its receipt there.</param>
/// <param name="Late">Seconds from the push, by the sender's clock, to its receipt.</param>
internal sealed record LogAnswerEvent(
    long Id, long Key, string Kind, string Repository, string? Tag, string? Digest, string? MediaType, long? Bytes, double Age, double? Late)
{
    public static LogAnswerEvent Of(LoggedEvent e) =>
        new(e.Id, e.Key, e.Kind, e.Repository, e.Tag, e.Digest, e.MediaType, e.Bytes, e.Age.TotalSeconds, e.Late?.TotalSeconds);
}
