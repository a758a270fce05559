using GeoDR.Status;

namespace GeoDR.Dashboard;

/// <summary>What would be lost, in one sentence: for the dashboard's first line and <c>geodr status</c>.</summary>
public static class LossInWords
{
    public static string Sentence(LossSummary loss) => $"If the primary were lost now: {Known(loss)}; {Window(loss)}{NotAll(loss)}.{Targets(loss)}";

    /// <summary>Whether the targets are kept, and by how much each is passed.</summary>
    private static string Targets(LossSummary loss) => loss.Targets.Where(t => t.Passed).ToList() switch
    {
        _ when loss.Targets.Count == 0 => "",
        [] => loss.Targets.Count == 1 ? " The target is kept." : " The targets are kept.",
        var passed => $" Passed: {string.Join("; ", passed.Select(Passed))}.",
    };

    private static string Passed(TargetState target)
    {
        var (limit, by) = target.Kind == LossTargets.Age
            ? (Display.Age(target.Limit), target.PassedBy is { } seconds ? Display.Age(seconds) : null)
            : (Display.Bytes((long)target.Limit), target.PassedBy is { } bytes ? Display.Bytes((long)Math.Min(bytes, 9e18)) : null);
        return $"the target of {limit}{(target.Pattern is { } pattern ? $" for {pattern}" : "")}, {(by is null ? "nobody can say by how much" : $"by {by}")}";
    }

    private static string Known(LossSummary loss) => loss.Pushes == 0
        ? "no push that is known would be lost"
        : $"{Display.Number(loss.Pushes, "push", "pushes")} would be lost, {(loss.Pushes == 1 ? "" : "the oldest ")}{Display.Age(loss.OldestSeconds ?? 0)} old, {Size(loss)}";

    // A sum of none known is unknown, never 0.
    private static string Size(LossSummary loss) =>
        loss.UnknownSizes == loss.Pushes ? "of unknown size"
        : loss.UnknownSizes == 0 ? Display.Bytes(loss.KnownBytes)
        : $"{Display.Bytes(loss.KnownBytes)} known, {Display.Number(loss.UnknownSizes)} of unknown size";

    private static string Window(LossSummary loss) => loss switch
    {
        { ReadSecondsAgo: null } => "the primary's log has not been read yet",
        { Fresh: true } => $"the log was read {Display.Age(loss.ReadSecondsAgo.Value)} ago",
        { WindowSeconds: { } window } => $"what was pushed in the last {Display.Age(window)} is not known",
        _ => "what was pushed of late is not known, the log is not followed",
    };

    private static string NotAll(LossSummary loss) =>
        loss.BackfillRunning ? "; a backfill is running, so not everything is known yet"
        : loss.NotCompared > 0 ? $"; {Display.Number(loss.NotCompared, "repository is", "repositories are")} still to be compared whole"
        : "";
}
