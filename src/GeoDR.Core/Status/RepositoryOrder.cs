namespace GeoDR.Status;

/// <summary>What a list of repositories goes by.</summary>
public enum RepositorySort
{
    Name,
    /// <summary>When it was synced last.</summary>
    LastSynced,
    /// <summary>Since when something waits.</summary>
    Waiting,
    /// <summary>When it is tried again by itself.</summary>
    NextTry,
}

/// <summary>The order of a list of repositories. A row without what it goes by comes last, up as down.</summary>
public sealed record RepositoryOrder(RepositorySort Sort, bool Descending)
{
    private static readonly string[] s_words = ["name", "lastSynced", "waiting", "nextTry"];

    public static RepositoryOrder ByName { get; } = new(RepositorySort.Name, false);

    /// <summary>As address and API write it: <c>name</c>, <c>lastSynced</c>, <c>waiting</c> or <c>nextTry</c>, with a minus in front for the other way round.</summary>
    public string Word => $"{(Descending ? "-" : "")}{s_words[(int)Sort]}";

    /// <summary>By name where nothing is written; null for a word that is none.</summary>
    public static RepositoryOrder? Parse(string? word)
    {
        if (string.IsNullOrEmpty(word))
            return ByName;
        var sort = Array.FindIndex(s_words, w => w.Equals(word.TrimStart('-'), StringComparison.OrdinalIgnoreCase));
        return sort < 0 ? null : new((RepositorySort)sort, word[0] == '-');
    }

    /// <summary>The rows in this order, in stretches of which each has an index: those with what it goes by, then the others by id.</summary>
    internal IReadOnlyList<Stretch> Stretches => Sort switch
    {
        RepositorySort.LastSynced => Timed("r.last_synced_at", "r.last_synced_at is not null", "r.last_synced_at is null"),
        RepositorySort.Waiting => Timed("r.pending_since", "r.pending_since is not null", "r.pending_since is null"),
        RepositorySort.NextTry => Timed("r.retry_at", "r.state in (0, 3) and r.retry_at is not null", "(r.state not in (0, 3) or r.retry_at is null)"),
        _ => [new("true", "r.name", ["r.name"])],
    };

    private static Stretch[] Timed(string column, string with, string without) =>
        [new(with, column, [column, "r.id"]), new(without, null, ["r.id"])];
}

/// <summary>Rows that one index gives in order.</summary>
/// <param name="Key">What the list goes by; null where they have none.</param>
/// <param name="Columns">Their order: one row only has the same in all of them.</param>
internal sealed record Stretch(string Condition, string? Key, IReadOnlyList<string> Columns);
