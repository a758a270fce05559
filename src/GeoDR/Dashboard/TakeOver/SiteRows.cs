using GeoDR.Failover;
using GeoDR.Sites;

namespace GeoDR.Dashboard.TakeOver;

/// <summary>One of the sites, as this one knows it.</summary>
/// <param name="Url">Only where it is a page's address.</param>
/// <param name="Role">"unknown" for a site that was never heard.</param>
/// <param name="Epoch">Of the newest term that the site was promoted under, and that counts here.</param>
/// <param name="LastHeardAt">Null for this site itself, and for one that was never heard.</param>
/// <param name="Notes">What is not as it should be, or good to know.</param>
public sealed record SiteRow(string Name, bool IsThis, string? Url, string Role, string? Health, long? Epoch, DateTimeOffset? LastHeardAt, bool MayPromote, bool Revoked, IReadOnlyList<string> Notes);

/// <summary>The sites with their roles, terms and heartbeats, from what this site keeps of them; no Blazor here.</summary>
public static class SiteRows
{
    public static IReadOnlyList<SiteRow> Of(Site own, string health, IReadOnlyList<KnownSite> known, IReadOnlyList<Peer> peers, IReadOnlyList<KnownTerm> terms)
    {
        var counting = terms.Where(t => t.Rejected is null).ToList();
        var newest = counting.Where(t => t.Epoch == counting.Max(c => c.Epoch)).ToList();
        // One that was heard and is in no book (its key is not known) is a site all the same.
        var names = known.Select(k => k.Name).Concat(peers.Select(p => p.Name)).Append(own.Name).Distinct(StringComparer.Ordinal);
        return
        [
            .. names.Select(name => Row(own, health, name, known.FirstOrDefault(k => k.Name == name), peers.FirstOrDefault(p => p.Name == name), counting, newest))
                .OrderByDescending(r => r.Role == Site.Primary).ThenBy(r => r.Name, StringComparer.Ordinal),
        ];
    }

    private static SiteRow Row(Site own, string health, string name, KnownSite? known, Peer? peer, List<KnownTerm> terms, List<KnownTerm> newest)
    {
        var isThis = name == own.Name;
        var role = isThis ? own.Role : peer?.Role ?? "unknown";
        var notes = new List<string>();
        if (known?.Revoked == true)
            notes.Add("revoked");
        if (isThis && own.IsFenced)
            notes.Add("fenced");
        if (!isThis && role == Site.Primary && newest is [var other] && other.Site != name)
            notes.Add($"replaced by {other.Site} in epoch {other.Epoch}");
        if (newest.Count > 1 && newest.Any(t => t.Site == name))
            notes.Add("in conflict");
        if (isThis && own.Handover is not null)
            notes.Add("hands over: its clients cannot push");
        if (isThis && own.Comparing is not null)
            notes.Add("compares what it holds with its new primary");
        if (known is null && !isThis)
            notes.Add("its key is not known here");
        return new(
            name, isThis, isThis ? null : Page(known?.Url ?? peer?.Url), role, isThis ? health : peer?.Status?.Health, terms.Where(t => t.Site == name).Select(t => (long?)t.Epoch).Max(),
            isThis ? null : peer?.LastHeardAt, known?.MayPromote ?? false, known?.Revoked ?? false, notes);
    }

    // A peer says its own address; only a page may be linked to.
    private static string? Page(string? url) => Uri.TryCreate(url, UriKind.Absolute, out var page) && page.Scheme is "https" or "http" ? page.AbsoluteUri : null;
}
