using GeoDR.Inventory;
using GeoDR.Selection;

namespace GeoDR.Reconcile;

/// <summary>What a secondary asks its primary's GeoDR.</summary>
public interface IPrimaryInventory
{
    /// <summary>Fingerprints that changed after <paramref name="after"/>; null where the primary cannot be asked (what is missing is logged elsewhere).</summary>
    Task<FingerprintPage?> FingerprintsAsync(long after, int limit, CancellationToken cancel);

    /// <summary>The tags of one repository in the primary's inventory, with their digests.</summary>
    Task<IReadOnlyDictionary<string, string>> TagsAsync(string repository, CancellationToken cancel);
}

/// <summary>The primary cannot be compared with.</summary>
public sealed class PeerUnavailableException(string message) : Exception(message);

/// <summary>
/// Compares a secondary with its primary by fingerprint: pages of what changed there, then one number for each repository, and a closer
/// look, tag by tag, only where the numbers differ.
/// </summary>
public sealed class FingerprintReconcile(
    IPrimaryInventory primary, PeerFingerprints peer, InventoryStore inventory, SiteSelection selection, TimeProvider time)
{
    private const int PageSize = 1000;
    private static readonly TimeSpan s_tailPatience = TimeSpan.FromSeconds(30);

    private long _requests;

    /// <summary>Also looks at repositories that wait for the sync or are worked on; for a time in which nothing is.</summary>
    public bool All { get; init; }

    /// <summary>Is told what was found in a repository before anything is done about it.</summary>
    public Func<IReadOnlyList<Finding>, Task>? BeforeActing { get; init; }

    /// <summary>Compares; differing tags are marked to be copied, tags that only this site has become candidates for the guarded deletion.</summary>
    /// <param name="act">False only lists.</param>
    /// <exception cref="PeerUnavailableException"/>
    public async Task<ReconcileReport> RunAsync(bool act, CancellationToken cancel)
    {
        _requests = 0;
        await ReadPagesAsync(cancel);
        var findings = new List<Finding>();
        long looked = 0;
        foreach (var list in new[] { peer.UnknownAsync, (Func<string, int, CancellationToken, Task<IReadOnlyList<string>>>)((after, limit, stop) => peer.MismatchesAsync(All, after, limit, stop)) })
            for (var names = await list("", PageSize, cancel); names.Count > 0; names = await list(names[^1], PageSize, cancel))
                foreach (var name in names.Where(peer.Follows))
                {
                    looked++;
                    findings.AddRange(await LookAsync(name, act, cancel));
                }
        return new(looked, 0, 0, _requests, 0, findings);
    }

    private async Task ReadPagesAsync(CancellationToken cancel)
    {
        var after = await peer.PositionAsync(null, cancel);
        while (true)
        {
            _requests++;
            var page = await primary.FingerprintsAsync(after, PageSize, cancel)
                ?? throw new PeerUnavailableException("the primary's GeoDR cannot be asked: set Geo:Primary:Url, Geo:Site:KeyFile and the primary under Geo:Peers");
            if (!await peer.KeepAsync(after, page, cancel))
            {
                after = 0;
                continue;
            }
            if (!page.More)
            {
                await CatchUpAsync(page, cancel);
                return;
            }
            after = page.Next;
        }
    }

    // A number that is ahead of what this site has heard would look like a difference.
    private async Task CatchUpAsync(FingerprintPage page, CancellationToken cancel)
    {
        var begun = time.GetTimestamp();
        while (!await peer.HasReachedAsync(page.LogId, page.EventId, cancel))
        {
            if (time.GetElapsedTime(begun) > s_tailPatience)
                throw new PeerUnavailableException($"this site has not read the primary's log up to event {page.EventId} yet; `geodr status` says why");
            await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancel);
        }
    }

    private async Task<IReadOnlyList<Finding>> LookAsync(string name, bool act, CancellationToken cancel)
    {
        var own = await inventory.TagsAsync(name, cancel);
        _requests++;
        var theirs = await primary.TagsAsync(name, cancel);
        var findings = new List<Finding>();
        foreach (var (tag, digest) in theirs.Where(t => selection.TakesReference(t.Key)))
            if (own.GetValueOrDefault(tag) is var known && known != digest)
                findings.Add(new(name, tag, FindingKind.Differs, known, digest));
        // Of these the fallback tags of referrers are written by this site itself.
        findings.AddRange(own.Where(t => !theirs.ContainsKey(t.Key) && !t.Key.StartsWith("sha256-", StringComparison.Ordinal))
            .Select(t => new Finding(name, t.Key, FindingKind.Extra, t.Value, null)));
        if (!act)
            return findings;
        if (BeforeActing is not null)
            await BeforeActing(findings);
        await peer.CandidatesAsync(name, [.. findings.Where(f => f.Kind == FindingKind.Extra).Select(f => f.Tag)], cancel);
        var wanted = findings.Where(f => f.Kind == FindingKind.Differs).Select(f => f.Tag).ToList();
        if (wanted.Count > 0)
            await peer.WantAsync(name, wanted, cancel);
        else
            await peer.AcceptAsync(name, cancel);
        return findings;
    }
}
