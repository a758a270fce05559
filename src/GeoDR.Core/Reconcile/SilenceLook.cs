using System.Net;
using GeoDR.Inventory;
using GeoDR.Registry;

namespace GeoDR.Reconcile;

/// <summary>
/// A look at a small part of a registry that sends no notifications: the repositories that changed last, some others in turn, and the
/// unknown names on the next page of the catalog. Some fifty requests, whatever the registry holds.
/// </summary>
/// <param name="settle">A difference is believed when it still stands after this: a notification may be on its way.</param>
public sealed class SilenceLook(
    RegistryClient registry, Silence silence, InventoryStore inventory, IReconcileSite site, ReconcileRuns runs, Pace pace, TimeSpan settle, TimeProvider time)
{
    private const int Recent = 10;
    private const int InTurn = 6;
    private const int Unknown = 4;
    private const int CatalogPage = 100;
    private const int TagPages = 2;
    // Tags of which the digest is asked for; of all others only the name is looked at.
    private const int HeadsOfRecent = 2;
    private const int HeadsOfOthers = 1;

    private static readonly TimeSpan s_lease = TimeSpan.FromMinutes(5);

    /// <summary>Looks, if it is time to; true when the registry was found to change in silence, and a comparison was asked for.</summary>
    /// <param name="after">How long nothing must have been heard; also the pause between two looks.</param>
    /// <exception cref="RegistryException">The registry does not answer, or refuses; the next look is due after the same pause.</exception>
    public async Task<bool> RunOnceAsync(TimeSpan after, CancellationToken cancel)
    {
        if (await silence.TakeAsync(after, s_lease + settle, cancel) is not { } position)
            return false;
        var recent = await silence.ChangedLastAsync(Recent, cancel);
        var turn = await inventory.RepositoriesAsync(position.After, InTurn, cancel);
        var (unknown, catalog) = await UnknownAsync(position.Catalog, cancel);
        var next = new SilencePosition(turn.Count < InTurn ? "" : turn[^1], catalog);
        var suspicious = new List<(string Name, int Heads, Finding Finding)>();
        foreach (var (name, heads) in recent.Select(n => (n, HeadsOfRecent)).Concat(turn.Concat(unknown).Except(recent).Select(n => (n, HeadsOfOthers))))
            if (await CompareAsync(name, heads, cancel) is { } finding)
                suspicious.Add((name, heads, finding));
        return await silence.EndAsync(next, await ConfirmAsync(suspicious, cancel), cancel) && await WantAsync(cancel);
    }

    private async Task<bool> WantAsync(CancellationToken cancel)
    {
        await runs.WantAsync(Silence.Reason, cancel);
        return true;
    }

    /// <summary>What still differs after a second reading, with everything taken in that was told before it.</summary>
    private async Task<string?> ConfirmAsync(List<(string Name, int Heads, Finding Finding)> suspicious, CancellationToken cancel)
    {
        if (suspicious.Count == 0)
            return null;
        await Task.Delay(settle, time, cancel);
        await site.SettleAsync(cancel);
        foreach (var (name, heads, finding) in suspicious)
            if (await CompareAsync(name, heads, cancel) == finding)
                return $"{finding.Repository}:{finding.Tag}";
        return null;
    }

    private async Task<(IReadOnlyList<string> Names, string Next)> UnknownAsync(string after, CancellationToken cancel)
    {
        try
        {
            await pace.TakeAsync(cancel);
            await foreach (var page in registry.ListCatalogAsync(after.Length == 0 ? null : after, CatalogPage, cancel))
            {
                var unknown = await silence.UnknownAsync([.. page.Where(OciNames.IsRepository)], cancel);
                // More of them than one look takes: the next one goes on behind the last that was looked at.
                return unknown.Count > Unknown ? ([.. unknown.Take(Unknown)], unknown[Unknown - 1])
                    : (unknown, page.Count < CatalogPage ? "" : page[^1]);
            }
        }
        catch (RegistryException e) when ((int?)e.Status is 404 or 405 or 401 or 403)
        {
            // No catalog, or not for this site.
        }
        return ([], "");
    }

    /// <summary>The first difference of a repository that is certain; null where none was seen.</summary>
    private async Task<Finding?> CompareAsync(string name, int heads, CancellationToken cancel)
    {
        var known = await silence.TagsAsync(name, cancel);
        var (listed, whole) = await ListAsync(name, cancel);
        // A registry that lost its disk answers the same as one that was emptied.
        if (listed.Count == 0)
            return null;
        foreach (var (tag, digest) in known)
            if (whole && !listed.Contains(tag))
                return new(name, tag, FindingKind.Gone, digest, null);
        var names = known.Select(k => k.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var tag in listed.Where(t => !names.Contains(t)).Order(StringComparer.Ordinal).Take(heads))
            if (await HeadAsync(name, tag, cancel) is { } found)
                return new(name, tag, FindingKind.Missed, null, found);
        foreach (var (tag, digest) in known.Where(k => listed.Contains(k.Name)).Take(heads))
            if (await HeadAsync(name, tag, cancel) is { } found && found != digest)
                return new(name, tag, FindingKind.Changed, digest, found);
        return null;
    }

    private async Task<(HashSet<string> Tags, bool Whole)> ListAsync(string name, CancellationToken cancel)
    {
        var listed = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            await using var pages = registry.ListTagsAsync(name, cancel).GetAsyncEnumerator(cancel);
            for (var page = 0; page < TagPages; page++)
            {
                await pace.TakeAsync(cancel);
                if (!await pages.MoveNextAsync())
                    return (listed, true);
                listed.UnionWith(pages.Current);
            }
            return (listed, false);
        }
        catch (RegistryException e) when (e.Status is HttpStatusCode.NotFound or HttpStatusCode.InternalServerError or HttpStatusCode.BadRequest)
        {
            // One repository that its registry does not know, or cannot read, says nothing about the others.
            return ([], false);
        }
    }

    private async Task<string?> HeadAsync(string name, string tag, CancellationToken cancel)
    {
        await pace.TakeAsync(cancel);
        return (await registry.FindManifestAsync(name, tag, cancel))?.ToString();
    }
}
