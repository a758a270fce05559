using System.Globalization;
using System.Text;
using GeoDR.Dashboard;
using GeoDR.Notifications;

namespace GeoDR.Readiness;

/// <summary>A drill's report for people: plain text that is also Markdown.</summary>
internal static class DrillWords
{
    private const int ShownProblems = 100;

    public static string Of(long id, DrillReport r)
    {
        var text = new StringBuilder();
        Line($"# Drill {id} of {r.Site}: {(r.Passed ? "passed" : "not passed")}");
        Line($"");
        Line($"Begun {Display.Utc(r.StartedAt)} by {r.By}, {Seconds(r.Seconds)}, GeoDR {r.Version}.");
        Line($"");
        Line($"## Pulled as a client would");
        Line($"");
        var p = r.Pulled;
        Line($"{Display.Number(p.Repositories)} of {Display.Number(r.Known, "repository", "repositories")}{(r.Asked is null ? "" : ", drawn by lot")}, by {r.Via}.");
        Line($"{Display.Number(p.Tags, "tag", "tags")}, {Display.Number(p.Manifests, "manifest", "manifests")}, {Display.Number(p.Blobs, "blob", "blobs")}, {Display.Bytes(p.Bytes)} read, every byte hashed; {Display.Number(p.Shared)} more blobs were read under another name and only asked for.");
        if (p.Changing > 0)
            Line($"{Display.Number(p.Changing, "reference", "references")} waited for the sync or changed meanwhile, and counted as neither well nor wrong.");
        Line($"");
        if (r.Problems.Count == 0)
            Line($"Nothing was missing or damaged.");
        foreach (var problem in r.Problems.Take(ShownProblems))
            Line($"- {problem.Repository}{(problem.Tag is null ? "" : $":{problem.Tag}")}: {problem.What}");
        if (r.Problems.Count + r.MoreProblems is var all && all > ShownProblems)
            Line($"- and {Display.Number(all - ShownProblems)} more");
        Line($"");
        Line($"## Intake");
        Line($"");
        Line($"{(r.Intake.Fault is { } fault ? $"It would fail: {fault}." : $"A sample notification was understood and written in {Seconds(r.Intake.Seconds)}, and taken back.")}");
        Line($"");
        Line($"## Recovery");
        Line($"");
        if (r.Loss is { } loss)
            Line($"{LossInWords.Sentence(loss)}");
        Line($"From the command to the first push that is taken: planned {Sum("at least", r.Recovery.Planned)}, unplanned {Sum("about", r.Recovery.Unplanned)}.");
        Line($"");
        Line($"| part | time | how it is known | |");
        Line($"|---|---|---|---|");
        foreach (var part in r.Recovery.Parts)
            Line($"| {part.Name} | {(part.Seconds is { } s ? Seconds(s) : "unknown")} | {part.Basis} | {part.Detail} |");
        return text.ToString().TrimEnd();

        // Registries chose some of these words: they must not steer the terminal.
        void Line(FormattableString words) => text.Append(BodyText.ForTerminal(words.ToString(CultureInfo.InvariantCulture))).Append('\n');
    }

    private static string Sum(string how, double? seconds) => seconds is { } s ? $"{how} {Seconds(s)}" : "not known";

    private static string Seconds(double seconds) => seconds is > 0 and < 1 ? string.Create(CultureInfo.InvariantCulture, $"{Math.Max(1, seconds * 1000):0} ms") : Display.Age(seconds);
}
