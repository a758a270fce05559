namespace GeoDR.Alerts;

/// <summary>What alerts are about.</summary>
public static class AlertKinds
{
    /// <summary>The oldest push that is not here is older than a target allows, or the log was not read fresh for longer; the subject is `site` or the pattern.</summary>
    public const string TargetAge = "target-age";
    /// <summary>More bytes would be lost than a target allows; the subject is `site` or the pattern.</summary>
    public const string TargetBytes = "target-bytes";
    /// <summary>The primary's log was not read for 30 s, or its primary does not write its beat, or the tailer stopped.</summary>
    public const string Log = "log";
    /// <summary>A registry does not answer, or refuses.</summary>
    public const string Outage = "outage";
    /// <summary>No worker is alive.</summary>
    public const string Workers = "workers";
    /// <summary>Repositories fail and being tried again will not mend them soon: for an hour, eight times, or without another try.</summary>
    public const string Failed = "failed";
    /// <summary>Something is missing or damaged in this site's registry.</summary>
    public const string Damage = "damage";
    /// <summary>The brake holds deletions.</summary>
    public const string Brake = "brake";
    /// <summary>The last comparison could not be completed.</summary>
    public const string ReconcileFailed = "reconcile-failed";
    /// <summary>The last comparison found differences; for a day.</summary>
    public const string Gaps = "gaps";
    /// <summary>Notifications that could not be understood, of the last day.</summary>
    public const string Quarantine = "quarantine";
    /// <summary>Pushes where nobody should push, of the last day.</summary>
    public const string Divergent = "divergent";
    /// <summary>(at a primary) A secondary was not heard for a minute; critical when the log is pruned without regard to it.</summary>
    public const string Secondary = "secondary";
    /// <summary>(at a primary) Another site was promoted; what this one is told goes into no log. Critical.</summary>
    public const string Fenced = "fenced";
    public const string Secret = "secret";

    public static IReadOnlyList<string> All { get; } =
        [TargetAge, TargetBytes, Log, Outage, Workers, Failed, Damage, Brake, ReconcileFailed, Gaps, Quarantine, Divergent, Secondary, Fenced, Secret];
}

/// <summary>How soon somebody should look.</summary>
public static class Severities
{
    /// <summary>More may be lost than was agreed, or nothing gets here any more.</summary>
    public const string Critical = "critical";
    public const string Warning = "warning";
}

/// <summary>Something that holds now and that an operator should know.</summary>
/// <param name="Subject">What of its kind it is about: a registry, a pattern, a site; "site" where there is only one.</param>
/// <param name="Text">One sentence, without its full stop.</param>
/// <param name="NextStep">What to do.</param>
public sealed record Condition(string Kind, string Subject, string Severity, string Text, string NextStep, IReadOnlyDictionary<string, double> Figures)
{
    /// <summary>The subject where a kind has only one.</summary>
    public const string Site = "site";
}

/// <summary>An alert as it is shown.</summary>
/// <param name="State">"open" or "ended".</param>
public sealed record Alert(
    long Id, string Kind, string Subject, string Severity, string State, string Text, string NextStep, IReadOnlyDictionary<string, double> Figures,
    DateTimeOffset Since, DateTimeOffset LastSeen, DateTimeOffset? EndedAt);
