using GeoDR.Registry;
using GeoDR.SyncState;

namespace GeoDR.Deletion;

/// <summary>What the primary's registry says about one repository, as far as it can be believed.</summary>
public abstract record PrimaryAnswer
{
    private PrimaryAnswer()
    {
    }

    /// <summary>A complete listing, read with a token that was then seen to pull.</summary>
    public sealed record Listed(IReadOnlySet<string> Tags) : PrimaryAnswer;

    /// <summary>
    /// An empty list, or 404: nothing by itself. <paramref name="Doubt"/> is null where the catalog names others and one of them is
    /// pulled with a token of the same issuer.
    /// </summary>
    public sealed record Nothing(string? Doubt) : PrimaryAnswer;

    /// <summary>No answer to go by.</summary>
    public sealed record Unknown(string Why) : PrimaryAnswer;
}

/// <summary>Asks the primary's registry what is still there, and proves that it was allowed to see it.</summary>
/// <param name="names">The primary's inventory, which names its repositories where its registry's catalog cannot be had; null answers are none.</param>
public sealed class PrimaryView(RegistryClient primary, Outages outages, Func<CancellationToken, Task<IReadOnlyList<string>?>>? names = null)
{
    private const int Tries = 3;

    public async Task<PrimaryAnswer> AskAsync(string repository, CancellationToken cancel)
    {
        try
        {
            var tags = await ListAsync(repository, cancel);
            if (tags.Count == 0)
                return new PrimaryAnswer.Nothing(await DoubtAsync(repository, cancel));
            return await PullsAsync(repository, tags, cancel) ? new PrimaryAnswer.Listed(tags)
                : new PrimaryAnswer.Unknown("the primary's registry lists tags and gives none of them");
        }
        catch (RegistryException e)
        {
            return new PrimaryAnswer.Unknown(e.Message);
        }
        catch (Exception e) when (e is ManifestTooLargeException or WrongContentException)
        {
            return new PrimaryAnswer.Unknown(e.Message);
        }
    }

    /// <summary>Whether the primary still has a tag or a manifest; an error is thrown, never an absence.</summary>
    /// <exception cref="RegistryException"/>
    public async Task<bool> HasAsync(string repository, string reference, CancellationToken cancel) =>
        await primary.HeadManifestAsync(repository, reference, cancel) is not null;

    /// <summary>Every tag; none also where the registry knows no such repository.</summary>
    private async Task<HashSet<string>> ListAsync(string repository, CancellationToken cancel)
    {
        var tags = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            await foreach (var page in primary.ListTagsAsync(repository, cancel))
                tags.UnionWith(page);
        }
        catch (RegistryException e) when (e.Status == System.Net.HttpStatusCode.NotFound && tags.Count == 0)
        {
            // Gone, never there, or hidden from a token that lost its right.
        }
        return tags;
    }

    // Some of them may have gone since they were listed, so one refusal is no answer.
    private async Task<bool> PullsAsync(string repository, IEnumerable<string> tags, CancellationToken cancel)
    {
        foreach (var tag in tags.Take(Tries))
            if (await primary.HeadManifestAsync(repository, tag, cancel) is not null)
                return true;
        return false;
    }

    private async Task<string?> DoubtAsync(string repository, CancellationToken cancel)
    {
        List<string> others;
        try
        {
            others = await OthersAsync(repository, cancel);
        }
        catch (Exception e) when (e is RegistryException or HttpRequestException)
        {
            return $"the primary's catalog cannot be read: {e.Message}";
        }
        if (others.Count == 0)
            return "the primary's catalog names no other repository";
        // Repositories that were emptied stay in some catalogs, so its first names may all have nothing to pull.
        others.InsertRange(0, await outages.RepositoriesWithTagsAsync(repository, Tries, cancel));
        foreach (var other in others.Distinct().Take(2 * Tries))
            if (await PullsAsync(other, await ListAsync(other, cancel), cancel))
                return null;
        return "no other repository of the primary could be pulled for comparison";
    }

    private async Task<List<string>> OthersAsync(string repository, CancellationToken cancel)
    {
        var others = new List<string>();
        try
        {
            await foreach (var page in primary.ListCatalogAsync(null, 100, cancel))
            {
                others.AddRange(page.Where(n => n != repository && OciNames.IsRepository(n)));
                if (others.Count >= Tries)
                    break;
            }
        }
        catch (RegistryException e) when (names is not null && (int?)e.Status is 401 or 403 or 404 or 405)
        {
            // Granted tokens pull one repository and no more.
            if (await names(cancel) is not { } told)
                throw;
            others.AddRange(told.Where(n => n != repository && OciNames.IsRepository(n)));
        }
        return others;
    }
}
