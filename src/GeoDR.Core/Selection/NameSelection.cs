namespace GeoDR.Selection;

/// <summary>Names that match an include, or all where there is none, and no exclude.</summary>
public sealed record NameSelection(IReadOnlyList<Pattern> Include, IReadOnlyList<Pattern> Exclude)
{
    public static NameSelection All { get; } = new([], []);

    public bool IsAll => Include.Count == 0 && Exclude.Count == 0;

    public bool Takes(string name) => (Include.Count == 0 || Include.Any(p => p.Matches(name))) && !Exclude.Any(p => p.Matches(name));

    public override string ToString() => $"+{string.Join(',', Include)} -{string.Join(',', Exclude)}";
}
