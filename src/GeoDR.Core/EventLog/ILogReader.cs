namespace GeoDR.EventLog;

/// <summary>
/// Another site's log: in its database or a hot standby of it (<see cref="LogReader"/>), or over HTTPS. One pass after another may
/// wait; reads without a wait may run at once.
/// </summary>
public interface ILogReader
{
    /// <summary>The log's state with the events from <paramref name="fromId"/> on, that one included, in order of id, of one snapshot.</summary>
    /// <param name="limit">Events at most.</param>
    /// <param name="wait">How long to wait for more before reading, at most: news ends the wait, and may be missed, so it should be about a second.</param>
    /// <returns>Null when that site has not opened a log yet.</returns>
    /// <exception cref="UnknownLogVersionException">The log is newer than this program.</exception>
    Task<LogPage?> ReadAsync(long fromId, int limit, TimeSpan wait, CancellationToken cancel);

    /// <summary>The newest event older than <paramref name="age"/>, or the log's beginning.</summary>
    Task<LogPosition?> PositionBeforeAsync(TimeSpan age, CancellationToken cancel);

    /// <summary>The newest event.</summary>
    Task<LogPosition?> HeadAsync(CancellationToken cancel);
}

/// <summary>The log as one page saw it.</summary>
/// <param name="Floor">Everything below this id was pruned.</param>
/// <param name="Head">The newest event's id; 0 in an empty log.</param>
/// <param name="BeatAge">Time since the primary last said that it is alive, by the database that was read.</param>
public sealed record LogState(Guid LogId, long Floor, long Head, TimeSpan BeatAge);

/// <summary>One page, read with one snapshot.</summary>
public sealed record LogPage(LogState Log, IReadOnlyList<LoggedEvent> Events)
{
    /// <summary>So long after it was asked for, at least, the page was read.</summary>
    public TimeSpan Waited { get; init; }
}

/// <summary>The log has a version that this program does not know.</summary>
public sealed class UnknownLogVersionException(int version, int known) : Exception(
    $"The primary's log has version {version}; this program reads version {known}. Upgrade this site; nothing was skipped.")
{
    public int Version => version;
}
