using GeoDR.Status;

namespace GeoDR.Dashboard;

/// <summary>How much of the log is kept, in a sentence.</summary>
internal static class KeptInWords
{
    public static string Sentence(LogKeeping kept) =>
        $"about {Display.Number(kept.Events, "event", "events")}, {Display.Bytes(kept.Bytes)}{(kept.OldestAt is { } at ? $", the oldest of {Display.Utc(at)}" : "")}";
}
