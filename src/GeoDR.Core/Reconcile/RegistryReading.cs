using System.Collections.Concurrent;
using GeoDR.Registry;

namespace GeoDR.Reconcile;

/// <summary>A repository as its registry holds it.</summary>
/// <param name="Tags">Digest of each tag; empty also where the registry does not know the repository.</param>
/// <param name="Unreadable">Tags that are listed and have no manifest.</param>
public sealed record ReadRepository(IReadOnlyDictionary<string, string> Tags, IReadOnlySet<string> Unreadable);

/// <summary>Reads repositories from a registry, tag by tag, at a pace that spares it.</summary>
public sealed class RegistryReading(RegistryClient registry, Pace pace, int atOnce)
{
    /// <summary>The registry has no catalog: its names are to be had elsewhere.</summary>
    public bool HasNoCatalog { get; private set; }

    /// <summary>Pages of names; none where the registry has no catalog.</summary>
    public async IAsyncEnumerable<IReadOnlyList<string>> NamesAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        await using var pages = registry.ListCatalogAsync(null, RegistryClient.CatalogPage, cancel).GetAsyncEnumerator(cancel);
        while (true)
        {
            try
            {
                await pace.TakeAsync(cancel);
                if (!await pages.MoveNextAsync())
                    break;
            }
            catch (RegistryException e) when ((int?)e.Status is 404 or 405 or 401 or 403)
            {
                HasNoCatalog = true;
                break;
            }
            yield return [.. pages.Current.Where(OciNames.IsRepository)];
        }
    }

    /// <summary>All tags of one repository, each resolved.</summary>
    /// <exception cref="RegistryException">The listing, or a tag, could not be read: nothing is known.</exception>
    public async Task<ReadRepository> ReadAsync(string repository, CancellationToken cancel)
    {
        var listed = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            await pace.TakeAsync(cancel);
            var first = true;
            await foreach (var page in registry.ListTagsAsync(repository, cancel))
            {
                if (!first)
                    await pace.TakeAsync(cancel);
                first = false;
                listed.UnionWith(page);
            }
        }
        catch (RegistryException e) when (e.Status == System.Net.HttpStatusCode.NotFound)
        {
            return new(new Dictionary<string, string>(), new HashSet<string>());
        }
        var tags = new ConcurrentDictionary<string, string>(StringComparer.Ordinal);
        await Parallel.ForEachAsync(listed, new ParallelOptions { MaxDegreeOfParallelism = atOnce, CancellationToken = cancel }, async (tag, stop) =>
        {
            await pace.TakeAsync(stop);
            if (await registry.HeadManifestAsync(repository, tag, stop) is { } digest)
                tags[tag] = digest.ToString();
        });
        listed.ExceptWith(tags.Keys);
        return new(tags, listed);
    }
}
