namespace GeoDR.Selection;

/// <summary>What a secondary follows, how, and under which names.</summary>
public sealed record SiteSelection(NameSelection Repositories, NameSelection Tags)
{
    /// <summary>The repository that takes what GeoDR writes to try a registry: each site's own, and followed by none.</summary>
    public const string CanaryRepository = "geodr/canary";

    public static SiteSelection All { get; } = new(NameSelection.All, NameSelection.All);

    /// <summary>Repositories that are followed by their events alone: no backfill finds them.</summary>
    public IReadOnlyList<Pattern> EventOnly { get; init; } = [];

    /// <summary>Repositories whose events are left aside: backfill, resync and reconcile find what changed.</summary>
    public IReadOnlyList<Pattern> ReconcileOnly { get; init; } = [];

    /// <summary>Entries of indexes to copy; all where there is none.</summary>
    public IReadOnlyList<Platform> Platforms { get; init; } = [];

    public NameMap Map { get; init; } = NameMap.None;

    /// <summary>Changes when the selection does.</summary>
    public string Fingerprint =>
        $"repositories {Repositories}; tags {Tags}; events {string.Join(',', EventOnly)}; reconcile {string.Join(',', ReconcileOnly)}; "
        + $"platforms {string.Join(',', Platforms)}; map {Map}";

    public bool TakesRepository(string name) => name != CanaryRepository && Repositories.Takes(name);

    public bool TakesEventsOf(string name) => TakesRepository(name) && !ReconcileOnly.Any(p => p.Matches(name));

    /// <summary>Whether a backfill, or a resync of all, marks it.</summary>
    public bool TakesFromCatalog(string name) => TakesRepository(name) && !IsEventOnly(name);

    public bool IsEventOnly(string name) => EventOnly.Any(p => p.Matches(name));

    /// <summary>A digest is always taken; so are tags that belong to an image's digest (signatures, fallback referrers), unless they are excluded.</summary>
    public bool TakesReference(string reference) =>
        reference.Contains(':', StringComparison.Ordinal) || Tags.IsAll
        || (reference.StartsWith("sha256-", StringComparison.Ordinal) ? !Tags.Exclude.Any(p => p.Matches(reference)) : Tags.Takes(reference));

    /// <summary>An entry without a platform, or with an unknown one (attestations), belongs to the others and is taken.</summary>
    public bool TakesPlatform(string? text) =>
        Platforms.Count == 0 || text is null || !Platform.TryParse(text, out var platform) || platform.Os == "unknown" || Platforms.Any(p => p.Matches(platform));
}
