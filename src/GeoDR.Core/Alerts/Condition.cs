namespace GeoDR.Alerts;

/// <summary>What alerts are about.</summary>
public static class AlertKinds
{
    public const string TargetAge = "target-age";
    public const string TargetBytes = "target-bytes";
    public const string Log = "log";
    public const string Outage = "outage";
    public const string Workers = "workers";
    public const string Failed = "failed";
    public const string Damage = "damage";
    public const string Brake = "brake";
    public const string ReconcileFailed = "reconcile-failed";
    public const string Gaps = "gaps";
    public const string Quarantine = "quarantine";
    public const string Divergent = "divergent";
    public const string Secondary = "secondary";
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
