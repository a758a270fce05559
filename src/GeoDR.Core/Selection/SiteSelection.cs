namespace GeoDR.Selection;

/// <summary>Names that match an include, or all where there is none, and no exclude.</summary>
public sealed record NameSelection(IReadOnlyList<Pattern> Include, IReadOnlyList<Pattern> Exclude)
{
    public static NameSelection All { get; } = new([], []);

    public bool IsAll => Include.Count == 0 && Exclude.Count == 0;

    public bool Takes(string name) => (Include.Count == 0 || Include.Any(p => p.Matches(name))) && !Exclude.Any(p => p.Matches(name));

    public override string ToString() => $"+{string.Join(',', Include)} -{string.Join(',', Exclude)}";
}

/// <summary>What a secondary follows.</summary>
public sealed record SiteSelection(NameSelection Repositories, NameSelection Tags)
{
    public static SiteSelection All { get; } = new(NameSelection.All, NameSelection.All);

    /// <summary>Changes when the selection does.</summary>
    public string Fingerprint => $"repositories {Repositories}; tags {Tags}";

    public bool TakesRepository(string name) => Repositories.Takes(name);

    /// <summary>A digest is always taken; so are tags that belong to an image's digest (signatures, fallback referrers), unless they are excluded.</summary>
    public bool TakesReference(string reference) =>
        reference.Contains(':', StringComparison.Ordinal) || Tags.IsAll
        || (reference.StartsWith("sha256-", StringComparison.Ordinal) ? !Tags.Exclude.Any(p => p.Matches(reference)) : Tags.Takes(reference));
}
