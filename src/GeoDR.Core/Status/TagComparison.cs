using GeoDR.Inventory;
using GeoDR.Reconcile;
using GeoDR.Selection;

namespace GeoDR.Status;

/// <summary>One tag at both sites.</summary>
/// <param name="Here">Its digest in this site's registry, as it is known; null where it is not there.</param>
/// <param name="AtPrimary">Its digest at the primary; null where it is not there, or where the primary did not answer.</param>
/// <param name="State">same, differs, "only here", "only at the primary", "not followed" (this site leaves it out), or unknown.</param>
public sealed record ComparedTag(string Tag, string? Here, string? AtPrimary, string State);

/// <summary>A repository's tags side by side, what differs first.</summary>
/// <param name="Total">All tags; <paramref name="Items"/> holds no more than were asked for.</param>
/// <param name="Differences">Tags that are not the same at both, of those that are followed.</param>
/// <param name="Problem">Why the primary's side is not known; null when it is.</param>
public sealed record TagsSideBySide(IReadOnlyList<ComparedTag> Items, int Total, int Differences, string? Problem);

/// <summary>Compares what both sites know of a repository: no registry is asked.</summary>
public sealed class TagComparison(InventoryStore inventory, IPrimaryInventory primary, SiteSelection selection)
{
    private static readonly string[] s_order = ["differs", "only at the primary", "only here", "unknown", "not followed", "same"];

    public async Task<TagsSideBySide> ReadAsync(string repository, int limit, CancellationToken cancel)
    {
        var here = await inventory.TagsAsync(repository, cancel);
        IReadOnlyDictionary<string, string>? there = null;
        string? problem = null;
        try
        {
            there = await primary.TagsAsync(repository, cancel);
        }
        catch (PeerUnavailableException e)
        {
            problem = e.Message;
        }
        var tags = here.Keys.Union(there?.Keys ?? [], StringComparer.Ordinal).Select(t => Compare(t, here.GetValueOrDefault(t), there?.GetValueOrDefault(t), there is not null))
            .OrderBy(t => Array.IndexOf(s_order, t.State)).ThenBy(t => t.Tag, StringComparer.Ordinal).ToList();
        return new([.. tags.Take(limit)], tags.Count, tags.Count(t => t.State is "differs" or "only here" or "only at the primary"), problem);
    }

    private ComparedTag Compare(string tag, string? here, string? there, bool known) => new(tag, here, there,
        !known ? "unknown"
        : here == there ? "same"
        : there is null ? "only here"
        : here is not null ? "differs"
        : selection.TakesReference(tag) ? "only at the primary" : "not followed");
}
