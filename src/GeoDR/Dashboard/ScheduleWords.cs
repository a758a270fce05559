using GeoDR.Schedules;

namespace GeoDR.Dashboard;

/// <summary>Schedules and their runs in words; no Blazor here.</summary>
public static class ScheduleWords
{
    public static string Every(ScheduleRow s) => s.Off is not null ? "off" : Display.Age(s.Every.TotalSeconds);

    public static string Next(ScheduleRow s, DateTimeOffset now) => s switch
    {
        { WantedAt: not null } => "now, as asked for",
        { Off: { } why } => $"never: {why}",
        { NextAt: { } next } when next < now.AddMinutes(-1) => $"was due {Display.Relative(next, now)}",
        { NextAt: { } next } => Display.Relative(next, now),
        _ => "–",
    };

    /// <summary>How long it took, or takes.</summary>
    public static string Took(ScheduleRun? run, DateTimeOffset now) =>
        run is null ? "" : Display.Age(((run.FinishedAt ?? now) - run.StartedAt).TotalSeconds);

    /// <summary>What it came to, and what was unusual about it.</summary>
    public static string Outcome(ScheduleRun? run) => run is null ? "" : string.Join("; ", new[]
    {
        run.Outcome,
        run.MadeUp ? $"made up, it was due {Display.Utc(run.DueAt)}" : null,
        run.Cause switch { RunCause.Hand => $"asked for by {run.WantedBy}", RunCause.Retry => "tried again", _ => null },
        run.Nodes.Count > 1 ? "another node went on with it" : null,
    }.Where(w => !string.IsNullOrEmpty(w)));
}
