using GeoDR.EventLog;
using GeoDR.Inventory;
using Npgsql;

namespace GeoDR.Reconcile;

/// <summary>The primary: what its registry holds and its log never told becomes an event, marked as found by reconcile.</summary>
public sealed class PrimarySite(NpgsqlDataSource source, InventoryStore inventory, Fingerprints fingerprints, LogAppender log, TimeProvider time) : IReconcileSite
{
    private static readonly TimeSpan s_foldPatience = TimeSpan.FromSeconds(30);

    public Task<IReadOnlyList<string>> NamesAsync(string after, int limit, CancellationToken cancel) => inventory.RepositoriesAsync(after, limit, cancel);

    public Task<IReadOnlyList<string>> DueAsync(IReadOnlyList<string> names, DateTimeOffset since, CancellationToken cancel) =>
        fingerprints.NotReadSinceAsync(names, since, cancel);

    public async Task<IReadOnlyDictionary<string, string>?> KnownAsync(string repository, CancellationToken cancel) =>
        await inventory.TagsAsync(repository, cancel);

    /// <summary>Waits until the inventory has taken in what the log holds now.</summary>
    /// <exception cref="TimeoutException">Nobody folds: no `geodr serve` runs at this primary.</exception>
    public async Task<long> SettleAsync(CancellationToken cancel)
    {
        await using var read = source.CreateCommand("select coalesce((select max(id) from event), 0)");
        var head = (long)(await read.ExecuteScalarAsync(cancel))!;
        var begun = time.GetTimestamp();
        while (true)
        {
            await using var position = source.CreateCommand("select coalesce((select event_id from inventory_position), 0)");
            if ((long)(await position.ExecuteScalarAsync(cancel))! >= head)
                return head;
            if (time.GetElapsedTime(begun) > s_foldPatience)
                throw new TimeoutException("the inventory does not follow the log: start `geodr serve` at this primary, then reconcile again");
            await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancel);
        }
    }

    public bool BelievesEmpty => false;

    public bool Ignores(Finding finding) => false;

    public Task ActAsync(string repository, IReadOnlyList<Finding> findings, long mark, CancellationToken cancel) =>
        log.AppendFoundAsync([.. findings.Select(Event)], mark, cancel);

    public Task ReadAsync(string repository, CancellationToken cancel) => fingerprints.ReadAsync(repository, cancel);

    private NewEvent Event(Finding finding) => new(
        $"reconcile:{Guid.NewGuid()}", finding.Kind == FindingKind.Gone ? EventKinds.Delete : EventKinds.Push, finding.Repository, finding.Tag,
        finding.Found ?? finding.Known, null, null, null, null, null, null, time.GetUtcNow());
}
