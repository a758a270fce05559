using GeoDR.Inventory;
using Npgsql;

namespace GeoDR.Reconcile;

/// <summary>
/// A primary that has just become a secondary: what its registry holds is taken into the inventory as it is, whoever wrote it. Its log
/// may have missed something while it was down, and nobody reads it any more.
/// </summary>
public sealed class ReturningSite(NpgsqlDataSource source, InventoryStore inventory, Fingerprints fingerprints) : IReconcileSite
{
    public Task<IReadOnlyList<string>> NamesAsync(string after, int limit, CancellationToken cancel) => inventory.RepositoriesAsync(after, limit, cancel);

    public Task<IReadOnlyList<string>> DueAsync(IReadOnlyList<string> names, DateTimeOffset since, CancellationToken cancel) =>
        fingerprints.NotReadSinceAsync(names, since, cancel);

    public async Task<IReadOnlyDictionary<string, string>?> KnownAsync(string repository, CancellationToken cancel) => await inventory.TagsAsync(repository, cancel);

    public Task<long> SettleAsync(CancellationToken cancel) => Task.FromResult(0L);

    public bool BelievesEmpty => true;

    public bool Ignores(Finding finding) => false;

    public async Task ActAsync(string repository, IReadOnlyList<Finding> findings, long mark, CancellationToken cancel)
    {
        foreach (var finding in findings)
        {
            await using var command = source.CreateCommand(finding.Found is null
                ? "delete from tag where repository = $1 and name = $2"
                : """
                  with tracked as (insert into repository (name, state, full_wanted, full_done, pending_since) values ($1, 2, 1, 1, null) on conflict do nothing)
                  insert into tag (repository, name, digest) values ($1, $2, $3)
                  on conflict (repository, name) do update set digest = excluded.digest, read_at = clock_timestamp()
                  """);
            command.Parameters.Add(new() { Value = repository });
            command.Parameters.Add(new() { Value = finding.Tag });
            if (finding.Found is not null)
                command.Parameters.Add(new() { Value = finding.Found });
            await command.ExecuteNonQueryAsync(cancel);
        }
    }

    public Task ReadAsync(string repository, CancellationToken cancel) => fingerprints.ReadAsync(repository, cancel);
}
