using GeoDR.Inventory;
using GeoDR.Selection;
using GeoDR.SyncState;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Reconcile;

/// <summary>
/// A secondary: what its own registry holds otherwise than GeoDR left it corrects the inventory and is copied again. Repositories that
/// wait or are being worked on are left to that work.
/// </summary>
public sealed class SecondarySite(NpgsqlDataSource source, InventoryStore inventory, Fingerprints fingerprints, SiteSelection selection) : IReconcileSite
{
    public async Task<IReadOnlyList<string>> NamesAsync(string after, int limit, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select name from repository where name > $1 order by name limit $2");
        command.Parameters.Add(new() { Value = after });
        command.Parameters.Add(new() { Value = limit });
        return await TextsAsync(command, cancel);
    }

    // The catalog is read under this site's own names: only what is tracked is compared, by the primary's.
    public async Task<IReadOnlyList<string>> DueAsync(IReadOnlyList<string> names, DateTimeOffset since, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select name from repository where name = any ($1)");
        command.Parameters.Add(new() { Value = names.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        return await fingerprints.NotReadSinceAsync(await TextsAsync(command, cancel), since, cancel);
    }

    public async Task<IReadOnlyDictionary<string, string>?> KnownAsync(string repository, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select exists (select from repository r where r.name = $1 and r.state = 2
                and not exists (select from waiting_reference w where w.repository_id = r.id))
            """);
        command.Parameters.Add(new() { Value = repository });
        return (bool)(await command.ExecuteScalarAsync(cancel))! ? await inventory.TagsAsync(repository, cancel) : null;
    }

    public Task<long> SettleAsync(CancellationToken cancel) => Task.FromResult(0L);

    public bool BelievesEmpty => true;

    /// <summary>Tags of referrers are written here where the registry lacks the referrers API; the primary may have it, and not them.</summary>
    public bool Ignores(Finding finding) => finding.Kind == FindingKind.Missed
        && (finding.Tag.StartsWith("sha256-", StringComparison.Ordinal) || !selection.TakesReference(finding.Tag));

    public async Task ActAsync(string repository, IReadOnlyList<Finding> findings, long mark, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        // A repository that somebody began to work on meanwhile is left to that work.
        await using var idle = new NpgsqlCommand("select id from repository where name = $1 and state = 2 for update", connection)
        { Parameters = { new() { Value = repository } } };
        if (await idle.ExecuteScalarAsync(cancel) is not long id)
            return;
        foreach (var finding in findings)
        {
            await using var correct = new NpgsqlCommand(
                finding.Found is null
                    ? "delete from tag where repository = $1 and name = $2 and digest = $3"
                    : "insert into tag (repository, name, digest) values ($1, $2, $3) on conflict (repository, name) do update set digest = excluded.digest, read_at = clock_timestamp()",
                connection)
            { Parameters = { new() { Value = repository }, new() { Value = finding.Tag }, new() { Value = finding.Found ?? finding.Known! } } };
            await correct.ExecuteNonQueryAsync(cancel);
        }
        await Marking.RecheckAsync(connection, id, [.. findings.Select(f => f.Tag)], cancel);
        await transaction.CommitAsync(cancel);
    }

    public Task ReadAsync(string repository, CancellationToken cancel) => fingerprints.ReadAsync(repository, cancel);

    private static async Task<IReadOnlyList<string>> TextsAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        var texts = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            texts.Add(reader.GetString(0));
        return texts;
    }
}
