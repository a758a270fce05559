using GeoDR.Readiness;

namespace GeoDR.Dashboard.TakeOver;

/// <summary>Whether a site could take over, and how a change of roles went, in words; no Blazor here.</summary>
public static class TakeOverWords
{
    /// <summary>The answer to "could this site take over now?", as far as the last check says.</summary>
    /// <param name="report">Null before the first.</param>
    public static (string State, string Words) Verdict(PreflightReport? report)
    {
        if (report is null)
            return ("unknown", "Not checked yet.");
        var (failed, warned) = (Count(report, CheckStates.Fail), Count(report, CheckStates.Warn));
        return failed > 0 ? (CheckStates.Fail, $"Not as it is: {Display.Number(failed, "check fails", "checks fail")}.")
            : warned > 0 ? (CheckStates.Warn, $"Yes, with {Display.Number(warned, "warning", "warnings")}.")
            : (CheckStates.Pass, $"Yes: all {Display.Number(report.Checks.Count)} checks pass.");
    }

    /// <summary>What fails first, then what warns.</summary>
    public static IEnumerable<PreflightCheck> WorstFirst(PreflightReport report) => report.Checks.OrderBy(c => c.State switch
    {
        CheckStates.Fail => 0,
        CheckStates.Warn => 1,
        _ => 2,
    });

    /// <summary>How a promotion stands.</summary>
    public static string StatusOf(string status) => status switch
    {
        "done" => "done",
        "undone" => "undone: nothing has changed",
        "running" => "running",
        _ => "could not be finished: promote again",
    };

    private static int Count(PreflightReport report, string state) => report.Checks.Count(c => c.State == state);
}
