using System.Text;

namespace GeoDR.Lab;

/// <summary>
/// What the secondary lacks or has otherwise. A manifest that merely lost its tag (overwritten before it travelled) is counted apart:
/// no event promises it. One that was pushed by digest alone is promised.
/// </summary>
public sealed record RegistryDifference
{
    /// <summary>Each in words, with repository and digest.</summary>
    public required IReadOnlyList<string> Faults { get; init; }

    /// <summary>Manifests of the primary that no tag reaches any more, that nobody pushed by digest alone, and that the secondary has not.</summary>
    public required IReadOnlyList<string> UntaggedNotCopied { get; init; }

    public bool IsEmpty => Faults.Count == 0;

    /// <summary>Compares everything below the tags and below the digests that were pushed by digest alone.</summary>
    public static RegistryDifference Compare(RegistrySnapshot primary, RegistrySnapshot secondary, IReadOnlySet<string>? pushedByDigestAlone = null)
    {
        var faults = new List<string>();
        var untagged = new List<string>();
        var byDigest = pushedByDigestAlone ?? new HashSet<string>();
        // What GeoDR writes to try a registry is each site's own.
        foreach (var name in primary.Repositories.Keys.Union(secondary.Repositories.Keys).Where(n => n != "geodr/canary").Order(StringComparer.Ordinal))
        {
            // A repository without a tag or manifest stays in a registry's catalog for ever: to be without it is the same.
            var here = primary.Repositories.GetValueOrDefault(name) ?? Empty(name);
            var there = secondary.Repositories.GetValueOrDefault(name) ?? Empty(name);
            faults.AddRange(Tags(here, there));
            var wanted = here.Closure(here.Tags.Values.Concat(here.Manifests.Keys.Where(byDigest.Contains)));
            faults.AddRange(Content(here, there, wanted));
            untagged.AddRange(here.Manifests.Keys.Where(d => !wanted.Contains(d) && !there.Manifests.ContainsKey(d)).Select(d => $"{name}@{d}"));
        }

        return new RegistryDifference { Faults = faults, UntaggedNotCopied = untagged };
    }

    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var fault in Faults.Take(50))
        {
            text.AppendLine(fault);
        }

        if (Faults.Count > 50)
        {
            text.AppendLine($"… and {Faults.Count - 50} more");
        }

        return text.Append($"{Faults.Count} differences, {UntaggedNotCopied.Count} manifests without a tag not copied").ToString();
    }

    private static RepositorySnapshot Empty(string name) => new(name)
    {
        Tags = new Dictionary<string, string>(),
        Manifests = new Dictionary<string, ManifestSnapshot>(),
        Blobs = new Dictionary<string, long>(),
        Missing = new HashSet<string>(),
        Damaged = new HashSet<string>(),
    };

    private static IEnumerable<string> Tags(RepositorySnapshot here, RepositorySnapshot there)
    {
        foreach (var tag in here.Tags.Keys.Union(there.Tags.Keys).Order(StringComparer.Ordinal))
        {
            var wanted = here.Tags.GetValueOrDefault(tag);
            var found = there.Tags.GetValueOrDefault(tag);
            if (wanted != found)
            {
                yield return (wanted, found) switch
                {
                    (_, null) => $"{here.Name}:{tag} is missing at the secondary ({wanted})",
                    (null, _) => $"{here.Name}:{tag} is at the secondary alone ({found})",
                    _ => $"{here.Name}:{tag} is {wanted} at the primary, {found} at the secondary",
                };
            }
        }
    }

    private static IEnumerable<string> Content(RepositorySnapshot here, RepositorySnapshot there, IReadOnlySet<string> wanted)
    {
        foreach (var digest in wanted.Where(d => here.Manifests.ContainsKey(d) && !there.Manifests.ContainsKey(d)))
        {
            yield return $"{here.Name}: manifest {digest} is missing at the secondary";
        }

        foreach (var digest in wanted.Where(d => here.Blobs.ContainsKey(d) && !there.Blobs.ContainsKey(d)))
        {
            yield return $"{here.Name}: blob {digest} is missing at the secondary";
        }

        foreach (var (digest, size) in here.Blobs.Where(b => wanted.Contains(b.Key) && there.Blobs.TryGetValue(b.Key, out var s) && s != b.Value))
        {
            yield return $"{here.Name}: blob {digest} has {size} bytes at the primary, {there.Blobs[digest]} at the secondary";
        }

        foreach (var (digest, manifest) in here.Manifests.Where(m => wanted.Contains(m.Key)))
        {
            if (there.Manifests.TryGetValue(digest, out var copy) && copy.MediaType != manifest.MediaType)
            {
                yield return $"{here.Name}: manifest {digest} is {manifest.MediaType} at the primary, {copy.MediaType} at the secondary";
            }
        }

        // What the primary lacks itself is no fault of the copy; what it has and the secondary's own manifests miss, is.
        foreach (var digest in there.Missing.Where(d => !here.Missing.Contains(d) && !wanted.Contains(d)))
        {
            yield return $"{here.Name}: {digest} is named by a manifest at the secondary and is not there";
        }

        foreach (var digest in there.Damaged.Where(d => !here.Damaged.Contains(d)))
        {
            yield return $"{here.Name}: {digest} is damaged at the secondary";
        }
    }
}
