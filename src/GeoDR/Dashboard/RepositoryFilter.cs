using GeoDR.SyncState;

namespace GeoDR.Dashboard;

/// <summary>What part of the repositories is shown. It lives in the URL, so that a view can be shared and reloaded.</summary>
/// <param name="Page">From 1.</param>
public sealed record RepositoryFilter(RepositoryState? State, string? Search, int Page)
{
    public const int PageSize = 25;

    private const int LongestSearch = 256;

    /// <summary>Neither a state nor a search.</summary>
    public bool IsEmpty => State is null && Search is null;

    public int Skip => (Page - 1) * PageSize;

    /// <summary>Takes whatever a person typed into the address: what cannot be understood filters nothing.</summary>
    public static RepositoryFilter From(string? state, string? search, int? page)
    {
        var trimmed = new string([.. (search ?? "").Where(c => !char.IsControl(c))]).Trim();
        if (trimmed.Length > LongestSearch)
            trimmed = trimmed[..LongestSearch];
        var known = Enum.GetValues<RepositoryState>().Where(s => Word(s) == state?.ToLowerInvariant()).Cast<RepositoryState?>().FirstOrDefault();
        return new(known, trimmed.Length == 0 ? null : trimmed, Math.Clamp(page ?? 1, 1, int.MaxValue / PageSize));
    }

    /// <summary>As the URL, the API and the badges say it.</summary>
    public static string Word(RepositoryState state) => state.ToString().ToLowerInvariant();

    /// <summary>The address of this view, relative to the dashboard's root.</summary>
    public string ToUrl()
    {
        var parts = new List<string>();
        if (State is { } state)
            parts.Add($"state={Word(state)}");
        if (Search is not null)
            parts.Add($"search={Uri.EscapeDataString(Search)}");
        if (Page > 1)
            parts.Add($"page={Page}");
        return parts.Count == 0 ? "/" : $"/?{string.Join('&', parts)}";
    }

    /// <summary>The last page of so many rows, at least 1.</summary>
    public static int LastPage(long rows) => (int)Math.Max(1, (rows + PageSize - 1) / PageSize);

    /// <summary>Another state, from its first page.</summary>
    public RepositoryFilter WithState(RepositoryState? state) => this with { State = state, Page = 1 };

    /// <summary>In words, for questions: "failed repositories whose name contains “app”".</summary>
    public string InWords() =>
        $"{(State is { } s ? $"{Word(s)} " : "")}repositories{(Search is null ? "" : $" whose name contains “{Search}”")}";
}
