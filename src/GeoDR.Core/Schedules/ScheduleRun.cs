namespace GeoDR.Schedules;

/// <summary>Why a run began.</summary>
public static class RunCause
{
    /// <summary>Its time had come.</summary>
    public const string Schedule = "schedule";
    /// <summary>Somebody asked for it.</summary>
    public const string Hand = "hand";
    /// <summary>The last one failed.</summary>
    public const string Retry = "retry";
}

/// <summary>How a run stands or ended.</summary>
public static class RunStatus
{
    /// <summary>A node works on it.</summary>
    public const string Running = "running";
    /// <summary>Everything was done.</summary>
    public const string Done = "done";
    /// <summary>Something kept it from its end: a paused site, a registry that is away, the time it may take.</summary>
    public const string Incomplete = "incomplete";
    /// <summary>An error ended it; its outcome says which.</summary>
    public const string Failed = "failed";
}

/// <summary>One run of a schedule.</summary>
/// <param name="Cause">One of <see cref="RunCause"/>.</param>
/// <param name="Nodes">Who ran it, in order: more than one where a node died and another went on.</param>
/// <param name="DueAt">When it should have run; long before <paramref name="StartedAt"/> where no node was up then.</param>
/// <param name="SeenAt">The last sign of life.</param>
/// <param name="Status">One of <see cref="RunStatus"/>.</param>
/// <param name="Outcome">How far it is, then what it came to.</param>
/// <param name="Work">What it asked for, once; its meaning is the schedule's.</param>
public sealed record ScheduleRun(
    long Id, string Schedule, string Cause, string? WantedBy, IReadOnlyList<string> Nodes, DateTimeOffset DueAt, DateTimeOffset StartedAt,
    DateTimeOffset SeenAt, DateTimeOffset? FinishedAt, string Status, string? Outcome, long? Work)
{
    /// <summary>Whether it began so late that its time had been missed.</summary>
    public bool MadeUp => Cause == RunCause.Schedule && StartedAt - DueAt > TimeSpan.FromSeconds(30);
}

/// <summary>A schedule as people see it.</summary>
/// <param name="Every">Zero: never by itself.</param>
/// <param name="Off">Why it never fires by itself.</param>
/// <param name="NextAt">Null where it is off.</param>
/// <param name="WantedAt">Somebody asked for a run that has not begun.</param>
/// <param name="Last">The newest run.</param>
public sealed record ScheduleRow(string Name, TimeSpan Every, string? Off, DateTimeOffset? NextAt, DateTimeOffset? WantedAt, ScheduleRun? Last);
