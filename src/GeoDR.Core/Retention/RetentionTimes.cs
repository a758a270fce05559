namespace GeoDR.Retention;

/// <summary>How long a site keeps what grows with time: <c>Geo:Retention</c>. The event log has limits of its own.</summary>
public sealed record RetentionTimes
{
    /// <summary>What each piece of work came to; default 30 days.</summary>
    public TimeSpan Attempts { get; init; } = TimeSpan.FromDays(30);

    /// <summary>Of each repository, at most so many of the newest attempts; default 200.</summary>
    public int AttemptsPerRepository { get; init; } = 200;

    /// <summary>The audit log, and what was pushed where nobody should; default 400 days.</summary>
    public TimeSpan Audit { get; init; } = TimeSpan.FromDays(400);

    /// <summary>Ended requests and comparisons, healed damage, registries that notify no more; default 90 days.</summary>
    public TimeSpan History { get; init; } = TimeSpan.FromDays(90);

    /// <summary>Notifications that could not be understood, since they last came; default 90 days.</summary>
    public TimeSpan Quarantine { get; init; } = TimeSpan.FromDays(90);

    /// <summary>Of their bodies, at most so many bytes, the newest; default 1 GB.</summary>
    public long QuarantineBytes { get; init; } = 1_000_000_000;
}
