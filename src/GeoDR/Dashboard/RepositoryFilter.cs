using GeoDR.Status;
using GeoDR.SyncState;

namespace GeoDR.Dashboard;

/// <summary>What part of the repositories is shown, and in what order. It lives in the URL, so that a view can be shared and reloaded.</summary>
/// <param name="From">The row that the page follows; null for the first page, or backwards for the last.</param>
/// <param name="Backwards">The page ends before that row.</param>
public sealed record RepositoryFilter(RowFilter Rows, RepositoryOrder Order, RepositoryCursor? From = null, bool Backwards = false)
{
    public const int PageSize = 25;

    private const int Longest = 256;
    private const string End = "end";

    /// <summary>All repositories by name, from the first.</summary>
    public static RepositoryFilter Everything { get; } = new(RowFilter.All, RepositoryOrder.ByName);

    /// <summary>Takes whatever a person typed into the address: what cannot be understood filters nothing.</summary>
    /// <param name="before">A row's place, or "end" for the last page.</param>
    public static RepositoryFilter Read(
        string? state, string? search, string? verification, string? cause, string? paused, string? sort, string? after, string? before)
    {
        _ = StateWord.TryParse<RepositoryState>(state, out var wanted);
        _ = StateWord.TryParse<VerificationState>(verification, out var check);
        var order = RepositoryOrder.Parse(sort) ?? RepositoryOrder.ByName;
        var from = RepositoryCursor.Parse(after ?? before ?? "") is { } cursor && cursor.Order == order ? cursor : null;
        return new(
            new(wanted, Text(search), check, Text(cause), paused == "true" ? true : null), order, from,
            Backwards: after is null && (from is not null || before == End));
    }

    /// <summary>What was typed, as it is searched for.</summary>
    public static string? Text(string? typed)
    {
        var clean = new string([.. (typed ?? "").Where(c => !char.IsControl(c))]).Trim();
        return clean.Length == 0 ? null : clean[..Math.Min(clean.Length, Longest)];
    }

    /// <summary>The address of this view, relative to the dashboard's root.</summary>
    public string ToUrl()
    {
        (string Name, string? Value)[] parts =
        [
            ("state", Rows.State is { } state ? StateWord.Of(state) : null), ("search", Rows.Search),
            ("verification", Rows.Verification is { } check ? StateWord.Of(check) : null), ("cause", Rows.Cause),
            ("paused", Rows.Paused == true ? "true" : null), ("sort", Order == RepositoryOrder.ByName ? null : Order.Word),
            (Backwards ? "before" : "after", Backwards ? From?.ToString() ?? End : From?.ToString()),
        ];
        var query = string.Join('&', parts.Where(p => p.Value is not null).Select(p => $"{p.Name}={Uri.EscapeDataString(p.Value!)}"));
        return query.Length == 0 ? "/" : $"/?{query}";
    }

    /// <summary>Other rows in the same order, from their first page.</summary>
    public RepositoryFilter Of(RowFilter rows) => new(rows, Order);

    /// <summary>The same rows in another order, from their first page.</summary>
    public RepositoryFilter In(RepositoryOrder order) => new(Rows, order);

    /// <summary>In words, for questions: "failed repositories whose name contains “app”".</summary>
    public static string InWords(RowFilter rows)
    {
        var such = new List<string>();
        if (rows.Search is { } search)
            such.Add($"whose name contains “{search}”");
        if (rows.Verification is { } check)
            such.Add($"whose check is {StateWord.Of(check)}");
        if (rows.Cause is { } cause)
            such.Add($"that failed with “{cause}”");
        return $"{(rows.Paused == true ? "paused " : "")}{(rows.State is { } s ? $"{StateWord.Of(s)} " : "")}repositories {string.Join(" and ", such)}".TrimEnd();
    }
}
