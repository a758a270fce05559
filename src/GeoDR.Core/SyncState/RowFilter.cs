using Npgsql;

namespace GeoDR.SyncState;

/// <summary>Which repositories are meant, in lists and in requests alike. What is null leaves nothing out.</summary>
/// <param name="Search">A part of the name, as it is written.</param>
/// <param name="Verification">How far its check is; what was never synced has none.</param>
/// <param name="Cause">Of one of its failures, as <c>geodr failures</c> names it.</param>
/// <param name="Paused">Whether an operator holds its sync.</param>
public sealed record RowFilter(
    RepositoryState? State = null, string? Search = null, VerificationState? Verification = null, string? Cause = null, bool? Paused = null)
{
    /// <summary>Leaves nothing out.</summary>
    public static RowFilter All { get; } = new();

    public string? Search { get; init; } = Clean(Search);

    public string? Cause { get; init; } = Clean(Cause);

    public bool IsEmpty => this == All;

    /// <summary>For the audit log: "state failed, names with app", "all repositories".</summary>
    public override string ToString() => IsEmpty ? "all repositories" : string.Join(", ", new[]
    {
        State is { } state ? $"state {StateWord.Of(state)}" : null, Search is null ? null : $"names with {Search}",
        Verification is { } check ? $"verification {StateWord.Of(check)}" : null, Cause is null ? null : $"cause {Cause}",
        Paused is { } paused ? paused ? "paused" : "not paused" : null,
    }.OfType<string>());

    /// <summary>The condition on a row <c>r</c> of <c>repository</c>. What is a number or a word of ours stands in it, so that partial indexes serve it.</summary>
    internal string Sql(NpgsqlParameterCollection parameters)
    {
        var conditions = new List<string>();
        if (State is { } state)
            conditions.Add($"r.state = {(short)state}");
        if (Paused is { } paused)
            conditions.Add(paused ? "r.paused" : "not r.paused");
        if (Verification is { } check)
            conditions.Add($"r.id in (select v.repository_id from verification v where v.state = {(short)check})");
        if (Cause is not null)
            conditions.Add($"r.id in (select f.repository_id from failure f where f.cause = {Add(Cause)})");
        if (Search is not null)
            conditions.Add($"r.id in (select n.repository_id from repository_name n where n.name like {Add($"%{Escaped(Search)}%")})");
        return conditions.Count == 0 ? "true" : string.Join(" and ", conditions);

        string Add(string text)
        {
            parameters.Add(new() { Value = text });
            return $"${parameters.Count}";
        }
    }

    // A name is searched for as it is written: the wildcards of LIKE mean themselves.
    private static string Escaped(string search) => search.Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("%", "\\%", StringComparison.Ordinal).Replace("_", "\\_", StringComparison.Ordinal);

    // PostgreSQL takes no NUL, and no name has one.
    private static string? Clean(string? text) => text?.Replace("\0", "", StringComparison.Ordinal) is { Length: > 0 } clean ? clean : null;
}
