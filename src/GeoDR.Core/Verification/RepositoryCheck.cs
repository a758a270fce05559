using System.Collections.Concurrent;
using System.Net;
using GeoDR.Registry;
using GeoDR.Selection;
using GeoDR.Sync;
using GeoDR.SyncState;

namespace GeoDR.Verification;

/// <summary>
/// Compares one repository of the own registry with what the inventory says of it, everything below its tags with the manifests,
/// and its tags with the primary's. It only reads.
/// </summary>
/// <param name="own">The own registry, by a client that the sync does not use: neither waits for the other's connections.</param>
public sealed class RepositoryCheck(
    RegistryClient own, RegistryClient primary, PeerProbe ownProbe, KnownContent known, SiteSelection selection, VerificationBudget budget, TimeProvider time)
{
    private const int AtOnce = 4;

    /// <summary>One run's state.</summary>
    private sealed class Run(ClaimedCheck claim, ContentCheck content)
    {
        public ClaimedCheck Claim => claim;
        public ContentCheck Content => content;
        public ConcurrentQueue<Finding> Findings { get; } = new();
        public ConcurrentBag<Finding> Behind { get; } = [];
        public ConcurrentDictionary<string, ConcurrentQueue<string>> Roots { get; } = new(StringComparer.Ordinal);
        public volatile bool PrimaryAway;
    }

    /// <exception cref="PeerOutException">The own registry is out: nothing can be said.</exception>
    public async Task<CheckResult> RunAsync(ClaimedCheck claim, RequestMeter requests, CancellationToken cancel)
    {
        var run = new Run(claim, new ContentCheck(own, primary, selection, budget, claim, (e, stop) => ThrowIfOutAsync(claim, e, stop), time));
        var looked = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            var (tags, untagged) = await known.ReadAsync(claim, cancel);
            await Parallel.ForEachAsync(tags, Options(cancel), async (tag, stop) => await TagAsync(run, tag.Key, tag.Value, stop));
            if (claim.Scope != CheckScope.Changed)
                await UnknownAsync(run, tags, cancel);
            await Parallel.ForEachAsync(run.Roots, Options(cancel), async (root, stop) =>
                await run.Content.ManifestAsync(Digest.Parse(root.Key), [.. root.Value.Take(20).Select(t => new FoundUnder(t, tags.GetValueOrDefault(t)))], stop));
            await Parallel.ForEachAsync(untagged, Options(cancel), async (digest, stop) => await run.Content.UntaggedAsync(Digest.Parse(digest), stop));
            looked.UnionWith(claim.Suspects.Where(s => tags.ContainsKey(s) || run.Content.Saw(s)));
        }
        catch (RegistryException e) when (e.Registry == Peers.OwnRegistry && PeerProbe.Suspicious(e))
        {
            await ThrowIfOutAsync(claim, e, cancel);
            throw;
        }
        // A tag whose manifest is gone is missing because of that; one finding is enough.
        var bad = run.Content.Findings.Select(f => f.Subject).ToHashSet(StringComparer.Ordinal);
        var found = run.Findings.Where(f => !f.Under.Any(u => u.Digest is { } d && bad.Contains(d))).Concat(run.Content.Findings).ToList();
        found.AddRange(await StillBehindAsync(run, cancel));
        return new(found, looked, [.. run.Content.Gone], run.Content.Counts(run.Roots.Sum(r => (long)r.Value.Count), requests.Count),
            !run.PrimaryAway && !run.Content.PrimaryAway);
    }

    private async Task TagAsync(Run run, string tag, string expected, CancellationToken cancel)
    {
        FoundUnder[] under = [new(tag, expected)];
        run.Roots.GetOrAdd(expected, _ => new()).Enqueue(tag);
        var theirs = await PrimaryAsync(run, tag, cancel);
        try
        {
            await budget.RequestAsync(cancel);
            var ours = (await own.HeadManifestAsync(run.Claim.Name, tag, cancel))?.ToString();
            if (ours is null && theirs != "")
                run.Findings.Enqueue(new(tag, DamageKind.Missing, $"the tag {tag} is missing, it was {expected}", under));
            else if (ours is not null && ours != expected)
                run.Findings.Enqueue(new(tag, DamageKind.WrongTag, $"the tag {tag} points to {ours} and was written as {expected}", under));
            else if (ours is not null && theirs is { Length: > 0 } && theirs != ours)
                run.Behind.Add(new(tag, DamageKind.Behind, $"the tag {tag} is {theirs} at the primary and {ours} here, and nothing waits to change that", under));
        }
        catch (RegistryException e) when (e.Status is HttpStatusCode.InternalServerError)
        {
            await ThrowIfOutAsync(run.Claim, e, cancel);
            run.Findings.Enqueue(new(tag, DamageKind.Unreadable, $"the tag {tag} cannot be read: {e.Message}", under));
        }
        catch (WrongContentException e)
        {
            run.Findings.Enqueue(new(tag, DamageKind.Damaged, $"the tag {tag}: {e.Message}", under));
        }
    }

    /// <summary>
    /// Tags that the inventory does not know: at either registry, and at the primary the same or nothing here. What only the own
    /// registry has is nobody's business here: a fallback tag, or a push that the status shows as divergent.
    /// </summary>
    private async Task UnknownAsync(Run run, Dictionary<string, string> tags, CancellationToken cancel)
    {
        var here = await ListAsync(own, run, cancel) ?? [];
        var there = selection.TakesFromCatalog(run.Claim.Name) ? await ListAsync(primary, run, cancel) ?? [] : [];
        here.ExceptWith(tags.Keys);
        there.ExceptWith(tags.Keys);
        await Parallel.ForEachAsync(there, Options(cancel), async (tag, stop) =>
        {
            if (!selection.TakesReference(tag) || await PrimaryAsync(run, tag, stop) is not { Length: > 0 } theirs)
                return;
            string? ours = null;
            if (here.Contains(tag))
            {
                await budget.RequestAsync(stop);
                ours = (await own.FindManifestAsync(run.Claim.Name, tag, stop))?.ToString();
            }
            if (ours == theirs)
                run.Roots.GetOrAdd(ours, _ => new()).Enqueue(tag);
            else
                run.Behind.Add(new(tag, DamageKind.Behind, $"the tag {tag} is {theirs} at the primary and {ours ?? "missing"} here, and nothing waits to change that",
                    [new(tag, null)]));
        });
    }

    // An event may be under way: only what stays so after the log was read again, to its end, is behind.
    private async Task<IEnumerable<Finding>> StillBehindAsync(Run run, CancellationToken cancel)
    {
        if (run.Behind.IsEmpty || !selection.TakesEventsOf(run.Claim.Name) || !await known.LogWasReadAsync(time, cancel))
            return [];
        var still = new List<Finding>();
        foreach (var finding in run.Behind)
            if (await PrimaryAsync(run, finding.Subject, cancel) is { Length: > 0 } theirs && finding.Detail.Contains(theirs, StringComparison.Ordinal))
                still.Add(finding);
        return still;
    }

    /// <summary>The primary's digest of a tag; empty where it has none, null where it cannot be asked.</summary>
    private async Task<string?> PrimaryAsync(Run run, string tag, CancellationToken cancel)
    {
        if (run.PrimaryAway)
            return null;
        try
        {
            await budget.RequestAsync(cancel);
            return (await primary.HeadManifestAsync(run.Claim.Name, tag, cancel))?.ToString() ?? "";
        }
        catch (RegistryException e)
        {
            // One corrupt tag there says nothing of the others.
            run.PrimaryAway = e.IsUnreachable || e.IsRefused;
            return null;
        }
        catch (WrongContentException)
        {
            return null;
        }
    }

    /// <summary>Null where the list cannot be had: an unread list is no empty one.</summary>
    private async Task<HashSet<string>?> ListAsync(RegistryClient registry, Run run, CancellationToken cancel)
    {
        if (registry == primary && run.PrimaryAway)
            return null;
        var tags = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            await budget.RequestAsync(cancel);
            await foreach (var page in registry.ListTagsAsync(run.Claim.Name, cancel))
                tags.UnionWith(page);
            return tags;
        }
        catch (RegistryException e) when (e.Status == HttpStatusCode.NotFound || registry == primary)
        {
            return null;
        }
    }

    private async Task ThrowIfOutAsync(ClaimedCheck claim, RegistryException e, CancellationToken cancel)
    {
        if (await ownProbe.IsOutAsync(claim.Name, e, cancel))
            throw new PeerOutException(Peers.OwnRegistry, e);
    }

    private static ParallelOptions Options(CancellationToken cancel) => new() { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancel };
}
