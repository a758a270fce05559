using GeoDR.Status;

namespace GeoDR.Dashboard;

/// <summary>How well a repository's copy is known, in a few words.</summary>
public static class VerificationWords
{
    public static string Of(RowVerification? verification, DateTimeOffset now) => verification switch
    {
        null => "–",
        { Damaged: > 0 } v => $"{Display.Number(v.Damaged)} damaged",
        { State: "failed" } => "not checked",
        { State: "started" } => "being checked",
        { CheckedAt: { } at } => Display.Relative(at, now),
        _ => "pending",
    };
}
