namespace GeoDR.Reconcile;

/// <summary>What a registry holds that was not known, or known and not held.</summary>
public enum FindingKind
{
    /// <summary>A tag that nothing told of.</summary>
    Missed,
    /// <summary>A tag that points elsewhere than was known.</summary>
    Changed,
    /// <summary>A known tag that a complete listing no longer names.</summary>
    Gone,
    /// <summary>The listing is empty or the repository unknown: that proves nothing by itself, and nothing is done about it.</summary>
    Doubtful,
    /// <summary>The registry answers for this repository with an error.</summary>
    Unreadable,
    /// <summary>A tag that the primary holds otherwise, or that is not here.</summary>
    Differs,
    /// <summary>A tag here that the primary does not hold.</summary>
    Extra,
}

/// <summary>One finding.</summary>
/// <param name="Tag">Empty where it is about the repository as a whole.</param>
/// <param name="Known">The digest that was known, or why the repository could not be read.</param>
/// <param name="Found">The digest that the registry holds.</param>
public sealed record Finding(string Repository, string Tag, FindingKind Kind, string? Known, string? Found);

/// <summary>What a comparison came to.</summary>
/// <param name="Repositories">Read, whole.</param>
/// <param name="OwnRequests">To this site's registry.</param>
/// <param name="PeerRequests">To the primary's GeoDR.</param>
/// <param name="Skipped">Repositories that were being worked on, and are compared at the next run.</param>
public sealed record ReconcileReport(
    long Repositories, long Tags, long OwnRequests, long PeerRequests, long Skipped, IReadOnlyList<Finding> Findings);

/// <summary>Two views of one repository's tags, compared; pure.</summary>
public static class TagDifference
{
    /// <param name="known">Digest of each tag as it was known.</param>
    /// <param name="found">Digest of each tag as it was read; empty where the registry does not know the repository.</param>
    /// <param name="unreadable">Tags that are listed and could not be resolved: they are neither there nor gone.</param>
    /// <param name="believesEmpty">False where an empty listing may cost something: then it is a doubt, and nothing else.</param>
    public static IReadOnlyList<Finding> Of(
        string repository, IReadOnlyDictionary<string, string> known, IReadOnlyDictionary<string, string> found, IReadOnlySet<string> unreadable,
        bool believesEmpty)
    {
        if (!believesEmpty && known.Count > 0 && found.Count == 0 && unreadable.Count == 0)
            return [new Finding(repository, "", FindingKind.Doubtful, $"{known.Count} tags were known", null)];
        var findings = new List<Finding>();
        foreach (var (tag, digest) in found)
            if (!known.TryGetValue(tag, out var before))
                findings.Add(new(repository, tag, FindingKind.Missed, null, digest));
            else if (before != digest)
                findings.Add(new(repository, tag, FindingKind.Changed, before, digest));
        foreach (var (tag, digest) in known)
            if (!found.ContainsKey(tag) && !unreadable.Contains(tag))
                findings.Add(new(repository, tag, FindingKind.Gone, digest, null));
        return findings;
    }
}
