namespace GeoDR.Readiness;

/// <summary>What a recovery time is estimated from.</summary>
/// <param name="Waiting">Repositories that are not synced.</param>
/// <param name="CatchUpSeconds">Until they are, at the present pace; null where nothing moves.</param>
/// <param name="TransactionSeconds">What the change of role costs the database, as rehearsed.</param>
/// <param name="StartSeconds">What the last composition of `geodr serve` took; null before one was measured.</param>
/// <param name="Unfences">A command lets clients in; how long it takes nobody knows before it is run.</param>
public sealed record RecoveryFacts(long Waiting, double? CatchUpSeconds, double TransactionSeconds, double? StartSeconds, bool Unfences);

/// <summary>The time from a promotion's command to the first push that the new primary takes, as far as it can be told without promoting.</summary>
public static class RecoveryEstimate
{
    // A running program looks at its site's row so often, when the notification of the change is lost.
    private const double Notice = 0.5;

    public static Recovery Of(RecoveryFacts f)
    {
        RecoveryPart[] common =
        [
            new("change of role", f.TransactionSeconds, "measured", "a transaction like it, taken back"),
            new("notice", Notice, "set", "until every process has seen that the role changed, at most"),
            new("new host", f.StartSeconds, "measured", f.StartSeconds is null ? "not measured yet: `geodr serve` measures each start" : "the last start of `geodr serve` here"),
        ];
        var drain = new RecoveryPart("drain, planned", f.Waiting == 0 ? 0 : f.CatchUpSeconds, "estimated",
            f.Waiting == 0 ? "nothing waits" : f.CatchUpSeconds is null ? $"{f.Waiting} repositories wait, and none moved in the last five minutes" : $"{f.Waiting} repositories wait");
        var sum = common.Aggregate((double?)0, (all, part) => all + part.Seconds);
        // What nobody can measure beforehand is said, and left out of the sums.
        return new(
            [
                new("comparison, planned", null, "unknown", "the primary first compares its registry with its log, as long as `geodr reconcile` takes there; clients push meanwhile"), drain, .. common,
                new("clients", null, "unknown", f.Unfences ? "Geo:Failover:UnfenceCommand is not run by a drill" : "what moves them here takes its own time"),
            ], sum + drain.Seconds, sum);
    }
}
