using System.Globalization;
using GeoDR.Failover;
using GeoDR.Sites;

namespace GeoDR.Status;

/// <summary>One of the sites, as this one knows it: the same row in dashboard, API and command line.</summary>
/// <param name="Url">Only where it is a page's address.</param>
/// <param name="Role">"unknown" for a site that was never heard.</param>
/// <param name="Health">healthy, degraded, unhealthy, paused, offline or unknown.</param>
/// <param name="Epoch">Of the newest term that the site was promoted under, and that counts here.</param>
/// <param name="LastHeardAt">Null for this site itself, and for one that was never heard.</param>
/// <param name="EventId">How far it has read its primary's log; a primary's own head.</param>
/// <param name="LagEvents">Behind this site's log where this is the primary, else as the site says.</param>
/// <param name="Counts">Repositories by state; null for a primary, and where nobody said.</param>
/// <param name="Figures">As of its last heartbeat; null where nobody said.</param>
/// <param name="Notes">What is not as it should be, or good to know.</param>
public sealed record SiteRow(
    string Name, bool IsThis, string? Url, string Role, string Health, string? Version, long? Epoch, DateTimeOffset? LastHeardAt, bool MayPromote, bool Revoked,
    long? EventId, long? LagEvents, StateCounts? Counts, SiteFigures? Figures, IReadOnlyList<string> Notes)
{
    /// <summary>The secondary that would lose least, were the primary lost now.</summary>
    public bool IsFreshest { get; init; }

    /// <summary>Of the primary's repositories, how many are whole here, in percent: rounded down, so that 100 means all. Null where it cannot be said.</summary>
    public double? SyncedPercent { get; init; }
}

/// <summary>The sites, from what this one keeps of them.</summary>
public sealed class SiteRows(SiteBook book, TermStore terms, SiteStore sites, TimeProvider time)
{
    /// <summary>So long after its last heartbeat a site counts as offline: four of them.</summary>
    public static readonly TimeSpan Silent = TimeSpan.FromSeconds(60);

    /// <summary>The primary first; empty before the site's first start.</summary>
    public async Task<IReadOnlyList<SiteRow>> ReadAsync(SiteStatus? own, CancellationToken cancel) =>
        own is null || await sites.ReadAsync(cancel) is not { } site ? [] : Of(site, own, await book.ListAsync(cancel), await terms.ListAsync(cancel), time.GetUtcNow());

    public static IReadOnlyList<SiteRow> Of(Site own, SiteStatus status, IReadOnlyList<KnownSite> known, IReadOnlyList<KnownTerm> terms, DateTimeOffset now)
    {
        var counting = terms.Where(t => t.Rejected is null).ToList();
        var newest = counting.Where(t => t.Epoch == counting.Max(c => c.Epoch)).ToList();
        // One that was heard and is in no book (its key is not known) is a site all the same.
        var names = known.Select(k => k.Name).Concat(status.Peers.Select(p => p.Name)).Append(own.Name).Distinct(StringComparer.Ordinal);
        var rows = names.Select(name => name == own.Name
                ? Own(own, status, known.FirstOrDefault(k => k.Name == name))
                : Other(own, status, name, known.FirstOrDefault(k => k.Name == name), status.Peers.FirstOrDefault(p => p.Name == name), newest, now))
            .Select(r => r with { Epoch = counting.Where(t => t.Site == r.Name).Select(t => (long?)t.Epoch).Max(), Notes = [.. r.Notes, .. Conflict(r, newest)] })
            .OrderByDescending(r => r.Role == Site.Primary).ThenBy(r => r.Name, StringComparer.Ordinal).ToList();
        var freshest = rows.Where(r => r is { Role: Site.Secondary, Revoked: false, LagEvents: not null } && r.Health is not ("offline" or "unknown"))
            .OrderBy(r => r.LagEvents).ThenBy(r => r.Figures?.OldestUnsyncedSeconds ?? 0).ThenBy(r => r.Figures?.ReferencesWaiting ?? 0).FirstOrDefault();
        return [.. rows.Select(r => r with { IsFreshest = ReferenceEquals(r, freshest) })];
    }

    private static SiteRow Own(Site own, SiteStatus s, KnownSite? known)
    {
        var notes = new List<string>();
        if (own.IsFenced)
            notes.Add("fenced");
        if (own.Handover is not null)
            notes.Add("hands over: its clients cannot push");
        if (own.Comparing is not null)
            notes.Add("compares what it holds with its new primary");
        return new(
            own.Name, true, null, own.Role, s.Health, s.Version, null, null, known?.MayPromote ?? false, known?.Revoked ?? false,
            s.Cursor?.EventId ?? s.Log?.Head, s.Cursor?.LagEvents, own.IsPrimary ? null : s.Counts, s.ToFigures(), notes)
        { SyncedPercent = own.IsPrimary ? null : Percent(s.Counts.Synced, s.Counts.Total) };
    }

    private static SiteRow Other(Site own, SiteStatus s, string name, KnownSite? known, Peer? peer, List<KnownTerm> newest, DateTimeOffset now)
    {
        var role = peer?.Role ?? "unknown";
        var counts = role == Site.Secondary && peer?.Status?.Counts is { Count: > 0 } c
            ? new StateCounts(c.GetValueOrDefault("pending"), c.GetValueOrDefault("started"), c.GetValueOrDefault("synced"), c.GetValueOrDefault("failed")) : null;
        var offline = peer is not null && now - peer.LastHeardAt > Silent;
        var notes = new List<string>();
        if (known?.Revoked == true)
            notes.Add("revoked");
        if (role == Site.Primary && newest is [var other] && other.Site != name)
            notes.Add($"replaced by {other.Site} in epoch {other.Epoch}");
        if (known is null)
            notes.Add("its key is not known here");
        if (offline)
            notes.Add(string.Create(CultureInfo.InvariantCulture, $"not heard since {peer!.LastHeardAt.ToUniversalTime():yyyy-MM-dd HH:mm:ss} UTC: its figures are as old"));
        return new(
            name, false, Page(known?.Url ?? peer?.Url), role, offline ? "offline" : peer?.Status?.Health ?? "unknown", peer?.Status?.Version, null, peer?.LastHeardAt,
            known?.MayPromote ?? false, known?.Revoked ?? false, peer?.EventId,
            own.IsPrimary && s.Log is { } log && peer?.EventId is { } at ? Math.Max(0, log.Head - at) : peer?.Status?.Figures?.LagEvents, counts, peer?.Status?.Figures, notes)
        { SyncedPercent = counts is null ? null : Percent(counts.Synced, own.IsPrimary ? s.Reconcile?.Repositories ?? counts.Total : counts.Total) };
    }

    private static IEnumerable<string> Conflict(SiteRow row, List<KnownTerm> newest) => newest.Count > 1 && newest.Any(t => t.Site == row.Name) ? ["in conflict"] : [];

    // A site may hold more than the primary has tags for, as repositories that were emptied.
    private static double? Percent(long part, long whole) => whole == 0 ? null : Math.Min(100, Math.Floor(1000d * part / whole) / 10);

    // A peer says its own address; only a page may be linked to.
    private static string? Page(string? url) => Uri.TryCreate(url, UriKind.Absolute, out var page) && page.Scheme is "https" or "http" ? page.AbsoluteUri : null;
}
