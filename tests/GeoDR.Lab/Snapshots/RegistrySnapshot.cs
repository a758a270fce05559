using System.Collections.Concurrent;

namespace GeoDR.Lab;

/// <summary>How thoroughly a registry is read.</summary>
public sealed record SnapshotOptions
{
    /// <summary>Read every blob and hash it, in place of a HEAD.</summary>
    public bool HashBlobs { get; init; }

    /// <summary>The storage of a <see cref="DistributionRegistry"/>: shows the manifests that no tag reaches.</summary>
    public string? StorageDirectory { get; init; }

    /// <summary>The one to read; all where none is named.</summary>
    public string? Repository { get; init; }

    /// <summary>Repositories read at once.</summary>
    public int Parallel { get; init; } = 4;
}

/// <summary>A whole registry as its own API shows it: the oracle of every test of a sync.</summary>
public sealed record RegistrySnapshot(IReadOnlyDictionary<string, RepositorySnapshot> Repositories)
{
    public int TagCount => Repositories.Values.Sum(r => r.Tags.Count);

    public int ManifestCount => Repositories.Values.Sum(r => r.Manifests.Count);

    public static async Task<RegistrySnapshot> ReadAsync(RegistryClient client, SnapshotOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new();
        var names = (await client.ListRepositoriesAsync(cancellationToken)).Where(n => options.Repository is null || n == options.Repository);
        var repositories = new ConcurrentDictionary<string, RepositorySnapshot>();
        var limit = new ParallelOptions { MaxDegreeOfParallelism = options.Parallel, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(names, limit, async (name, token) =>
        {
            repositories[name] = await new RepositoryReader(client, name, options).ReadAsync(token);
        });
        return new RegistrySnapshot(repositories);
    }

    /// <summary>Waits until what differs is nothing, reading the secondary again and again; a passed deadline throws with the differences.</summary>
    public static async Task<RegistryDifference> WaitUntilEqualAsync(
        Func<CancellationToken, Task<RegistrySnapshot>> primary,
        Func<CancellationToken, Task<RegistrySnapshot>> secondary,
        IReadOnlySet<string> pushedByDigestAlone,
        TimeSpan deadline,
        CancellationToken cancellationToken = default)
    {
        RegistryDifference? difference = null;
        await Wait.UntilAsync(
            async token =>
            {
                try
                {
                    difference = RegistryDifference.Compare(await primary(token), await secondary(token), pushedByDigestAlone);
                    return difference.IsEmpty;
                }
                catch (LabException)
                {
                    // Distribution answers 500 for a manifest whose link it is just writing.
                    return false;
                }
            },
            deadline,
            () => $"the registries differ:\n{difference}",
            cancellationToken);
        return difference!;
    }
}
