using GeoDR.Status;
using GeoDR.SyncState;

namespace GeoDR.Dashboard;

/// <summary>What is asked before work on many repositories begins.</summary>
public static class BulkWords
{
    public static string Resync(RowFilter rows, RepositoryTotals totals) =>
        $"{Which(rows, totals)} will be compared in full with the primary{(rows.IsEmpty ? ", and its catalog is read again" : "")}. "
        + $"{Held(totals)}{(totals.BytesWaiting > 0 ? $"; {Display.Bytes(totals.BytesWaiting)} are known to wait" : "")}. Only what differs is copied.";

    public static string Reverify(RowFilter rows, RepositoryTotals totals) =>
        $"{Which(rows, totals)} will be checked: that everything is at this site's registry, and as the primary has it. {Held(totals)}; a check asks for it and does not read its bytes.";

    private static string Which(RowFilter rows, RepositoryTotals totals) => rows.IsEmpty
        ? $"All {Display.Number(totals.Rows, "repository", "repositories")}"
        : $"{Display.Number(totals.Rows)} {RepositoryFilter.InWords(rows)}";

    private static string Held(RepositoryTotals totals) => totals.Bytes > 0 ? $"Their images here are about {Display.Bytes(totals.Bytes)}" : "How much their images are is not known";
}
