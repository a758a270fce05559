using System.Collections.Concurrent;
using GeoDR.Registry;

namespace GeoDR.Reconcile;

/// <summary>What differs between the roles: where the known tags stand, and what becomes of a finding.</summary>
public interface IReconcileSite
{
    /// <summary>Names that are known, after the given one, in order; whatever the registry's catalog says.</summary>
    Task<IReadOnlyList<string>> NamesAsync(string after, int limit, CancellationToken cancel);

    /// <summary>Which of the names this site looks after and has not read since <paramref name="since"/>.</summary>
    Task<IReadOnlyList<string>> DueAsync(IReadOnlyList<string> names, DateTimeOffset since, CancellationToken cancel);

    /// <summary>The known tags; null while the repository is being worked on.</summary>
    Task<IReadOnlyDictionary<string, string>?> KnownAsync(string repository, CancellationToken cancel);

    /// <summary>Returns once everything that was told before this moment is known, with a mark of this moment.</summary>
    Task<long> SettleAsync(CancellationToken cancel);

    /// <summary>Whether an empty listing is taken at its word: at a secondary it costs a copy, at a primary it would tell everyone to delete.</summary>
    bool BelievesEmpty { get; }

    /// <summary>A finding of this kind means nothing here.</summary>
    bool Ignores(Finding finding);

    /// <summary>Does what a confirmed difference asks for; what was told after <paramref name="mark"/> wins.</summary>
    Task ActAsync(string repository, IReadOnlyList<Finding> findings, long mark, CancellationToken cancel);

    /// <summary>The registry was read, whole, and nothing is open.</summary>
    Task ReadAsync(string repository, CancellationToken cancel);
}

/// <summary>
/// Compares what is known of this site's registry with what the registry says, repository by repository. A difference is believed only
/// when a second reading, <paramref name="settle"/> later, still shows it: a notification may be on its way.
/// </summary>
public sealed class RegistryReconcile(RegistryReading reading, IReconcileSite site, Pace pace, TimeSpan settle, TimeProvider time)
{
    private const int RepositoriesAtOnce = 4;
    private const int PageSize = 100;

    private sealed class Run(bool act)
    {
        public bool Act => act;
        public ConcurrentQueue<(string Repository, long At)> Suspicious { get; } = new();
        public ConcurrentBag<Finding> Findings { get; } = [];
        public HashSet<string> Seen { get; } = new(StringComparer.Ordinal);
        public long Repositories, Tags, Skipped;
    }

    /// <param name="since">Repositories that were read after it are not read again: a run that was cut off goes on.</param>
    /// <param name="act">False only lists.</param>
    /// <param name="onPage">Called after every page with what was found so far; throws to stop.</param>
    /// <exception cref="RegistryException">The registry does not answer, or refuses.</exception>
    public async Task<ReconcileReport> RunAsync(DateTimeOffset since, bool act, Func<ReconcileReport, Task> onPage, CancellationToken cancel)
    {
        var run = new Run(act);
        await foreach (var page in reading.NamesAsync(cancel))
            await PageAsync(run, page, since, onPage, cancel);
        // Known names that the catalog does not list: without a catalog all of them.
        for (var names = await site.NamesAsync("", PageSize, cancel); names.Count > 0; names = await site.NamesAsync(names[^1], PageSize, cancel))
            await PageAsync(run, names, since, onPage, cancel);
        await RecheckAsync(run, all: true, cancel);
        return Report(run);
    }

    private async Task PageAsync(Run run, IReadOnlyList<string> names, DateTimeOffset since, Func<ReconcileReport, Task> onPage, CancellationToken cancel)
    {
        var due = await site.DueAsync([.. names.Where(run.Seen.Add)], since, cancel);
        await Parallel.ForEachAsync(due, new ParallelOptions { MaxDegreeOfParallelism = RepositoriesAtOnce, CancellationToken = cancel },
            async (name, stop) => await CompareAsync(run, name, stop));
        await RecheckAsync(run, all: false, cancel);
        await onPage(Report(run));
    }

    private async Task CompareAsync(Run run, string name, CancellationToken cancel)
    {
        if (await site.KnownAsync(name, cancel) is not { } known)
        {
            Interlocked.Increment(ref run.Skipped);
            return;
        }
        if (await ReadAsync(run, name, cancel) is not { } found)
            return;
        Interlocked.Increment(ref run.Repositories);
        Interlocked.Add(ref run.Tags, found.Tags.Count);
        if (Differences(name, known, found).Count > 0)
            run.Suspicious.Enqueue((name, time.GetTimestamp()));
        else if (run.Act)
            await site.ReadAsync(name, cancel);
    }

    private async Task RecheckAsync(Run run, bool all, CancellationToken cancel)
    {
        while (run.Suspicious.TryPeek(out var next))
        {
            var left = settle - time.GetElapsedTime(next.At);
            if (left > TimeSpan.Zero && !all)
                return;
            if (left > TimeSpan.Zero)
                await Task.Delay(left, time, cancel);
            var due = new List<string>();
            while (due.Count < PageSize && run.Suspicious.TryPeek(out next) && time.GetElapsedTime(next.At) >= settle && run.Suspicious.TryDequeue(out next))
                due.Add(next.Repository);
            await ConfirmAsync(run, due, cancel);
        }
    }

    // Many at a time: a primary's inventory follows its log once a second, and one settling serves them all.
    private async Task ConfirmAsync(Run run, IReadOnlyList<string> names, CancellationToken cancel)
    {
        var read = new ConcurrentQueue<(string Name, IReadOnlyDictionary<string, string> Before, ReadRepository Found)>();
        await Parallel.ForEachAsync(names, new ParallelOptions { MaxDegreeOfParallelism = RepositoriesAtOnce, CancellationToken = cancel }, async (name, stop) =>
        {
            if (await site.KnownAsync(name, stop) is { } before && await ReadAsync(run, name, stop) is { } found)
                read.Enqueue((name, before, found));
        });
        if (read.IsEmpty)
            return;
        // What the registry had told before it was read is known now; only what still differs was never told.
        var mark = await site.SettleAsync(cancel);
        foreach (var (name, before, found) in read)
            await ConfirmAsync(run, name, before, found, mark, cancel);
    }

    private async Task ConfirmAsync(
        Run run, string name, IReadOnlyDictionary<string, string> before, ReadRepository found, long mark, CancellationToken cancel)
    {
        if (await site.KnownAsync(name, cancel) is not { } after)
            return;
        var findings = Differences(name, before, found).Intersect(Differences(name, after, found)).ToList();
        foreach (var finding in findings)
            run.Findings.Add(finding);
        if (!run.Act)
            return;
        var certain = findings.Where(f => f.Kind != FindingKind.Doubtful).ToList();
        if (certain.Count > 0)
            await site.ActAsync(name, certain, mark, cancel);
        if (certain.Count == findings.Count)
            await site.ReadAsync(name, cancel);
    }

    private List<Finding> Differences(string name, IReadOnlyDictionary<string, string> known, ReadRepository found) =>
        [.. TagDifference.Of(name, known, found.Tags, found.Unreadable, site.BelievesEmpty).Where(f => !site.Ignores(f))];

    private async Task<ReadRepository?> ReadAsync(Run run, string name, CancellationToken cancel)
    {
        try
        {
            return await reading.ReadAsync(name, cancel);
        }
        catch (Exception e) when (e is RegistryException { Status: System.Net.HttpStatusCode.InternalServerError or System.Net.HttpStatusCode.BadRequest }
            or WrongContentException or ManifestTooLargeException)
        {
            // One repository that its registry cannot read does not stop the others; a registry that is away does.
            run.Findings.Add(new(name, "", FindingKind.Unreadable, e.Message, null));
            return null;
        }
    }

    private ReconcileReport Report(Run run) => new(run.Repositories, run.Tags, pace.Taken, 0, run.Skipped, [.. run.Findings.Order(FindingOrder.Instance)]);

    private sealed class FindingOrder : IComparer<Finding>
    {
        public static FindingOrder Instance { get; } = new();

        public int Compare(Finding? x, Finding? y) =>
            string.CompareOrdinal(x?.Repository, y?.Repository) is not 0 and var byName ? byName : string.CompareOrdinal(x?.Tag, y?.Tag);
    }
}
