namespace GeoDR.Selection;

/// <summary>A repository whose name at this site belongs to another, by the mapping.</summary>
public sealed class NameTakenException(string message) : Exception(message);

/// <summary>Names at this site: the first prefix that fits is exchanged for another.</summary>
public sealed record NameMap(IReadOnlyList<(string From, string To)> Prefixes)
{
    public static NameMap None { get; } = new([]);

    public bool IsNone => Prefixes.Count == 0;

    /// <summary>The name at this site of a repository of the primary.</summary>
    public string At(string name) => Find(name) is { } found ? found.To + name[found.From.Length..] : name;

    /// <summary>Whether a name that is kept as it is stands where mapped ones go: two repositories would become one.</summary>
    public bool IsTaken(string name) => Find(name) is null && Prefixes.Any(p => name.StartsWith(p.To, StringComparison.Ordinal));

    public override string ToString() => string.Join(',', Prefixes.Select(p => $"{p.From}={p.To}"));

    private (string From, string To)? Find(string name)
    {
        foreach (var prefix in Prefixes)
            if (name.StartsWith(prefix.From, StringComparison.Ordinal))
                return prefix;
        return null;
    }
}
