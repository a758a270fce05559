using GeoDR.Registry;

namespace GeoDR.Verification;

/// <summary>What damage is called, and what is done about it.</summary>
public static class DamageWords
{
    public static string Of(DamageKind kind) => kind switch
    {
        DamageKind.Missing => "missing",
        DamageKind.WrongTag => "wrong tag",
        DamageKind.Behind => "behind",
        DamageKind.Damaged => "damaged",
        _ => "unreadable",
    };

    /// <summary>
    /// How often the sync is told, before somebody must look: a registry that keeps a damaged blob keeps it the second time, too
    /// (Distribution looks only whether there is a file).
    /// </summary>
    public static int MostTries(DamageKind kind) => kind is DamageKind.Damaged or DamageKind.Unreadable ? 1 : 3;

    /// <summary>What happens next, or what must be done.</summary>
    public static string Advice(string kind, string subject, bool ordered, string repository)
    {
        if (ordered)
            return "it is fetched again";
        if (kind is "damaged" or "unreadable" && Digest.TryParse(subject, out var digest))
            return "it was fetched again and the registry kept what it had: remove its file from the registry's storage (of Distribution "
                + $"docker/registry/v2/blobs/{digest.Algorithm}/{digest.Hex[..2]}/{digest.Hex}/data), restart a registry that caches, then geodr verify --repository {repository} --deep";
        return "fetching it again did not help: restart a registry that caches what it holds, and see the repository's last error; "
            + $"then geodr verify --repository {repository}";
    }
}
