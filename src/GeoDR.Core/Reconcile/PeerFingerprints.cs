using GeoDR.Inventory;
using GeoDR.Selection;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Reconcile;

/// <summary>The primary's fingerprints as they were last read, beside this site's own.</summary>
public sealed class PeerFingerprints(NpgsqlDataSource source, SiteSelection selection)
{
    private const string Idle = "r.state = 2 and not exists (select from waiting_reference w where w.repository_id = r.id)";

    /// <summary>Where the next page begins; 0 for the beginning, also where the primary has another history than the one that was read.</summary>
    public async Task<long> PositionAsync(Guid? logId, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select change from peer_position where $1::uuid is null or log_id = $1");
        command.Parameters.Add(new() { Value = (object?)logId ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Uuid });
        return await command.ExecuteScalarAsync(cancel) is long change ? change : 0;
    }

    /// <summary>Keeps a page and where the next begins; the first page of another history forgets the last one.</summary>
    /// <returns>False where the page belongs to another history than the position: begin again.</returns>
    public async Task<bool> KeepAsync(long after, FingerprintPage page, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (after > 0 && await PositionAsync(page.LogId, cancel) != after)
            return false;
        if (after == 0)
            await ExecuteAsync(connection, "delete from peer_fingerprint", cancel);
        var items = page.Items.Where(f => Fingerprints.Parse(f.Value) is not null).DistinctBy(f => f.Repository).ToList();
        await ExecuteAsync(connection, """
            insert into peer_fingerprint (repository, value, tags)
            select * from unnest($1, $2, $3) as f(repository, value, tags) order by repository
            on conflict (repository) do update set value = excluded.value, tags = excluded.tags
            """, cancel,
            Texts(items.Select(f => f.Repository)),
            new() { Value = items.Select(f => Fingerprints.Parse(f.Value)!.Value).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Numeric },
            new() { Value = items.Select(f => f.Tags).ToArray() });
        await ExecuteAsync(connection, """
            insert into peer_position (log_id, change) values ($1, $2)
            on conflict (only_row) do update set log_id = excluded.log_id, change = excluded.change, read_at = clock_timestamp()
            """, cancel, new() { Value = page.LogId }, new() { Value = page.Next });
        await transaction.CommitAsync(cancel);
        return true;
    }

    /// <summary>Repositories whose numbers differ and that no closer look has accepted, after the given name; the idle ones, or all.</summary>
    public async Task<IReadOnlyList<string>> MismatchesAsync(bool all, string after, int limit, CancellationToken cancel) => await ListAsync($"""
        select r.name from repository r
        left join fingerprint f on f.repository = r.name left join peer_fingerprint p on p.repository = r.name
        where r.name > $1 and ({(all ? "true" : Idle)}) and coalesce(f.value, 0) <> coalesce(p.value, 0)
            and (p.accepted_own is distinct from coalesce(f.value, 0) or p.accepted_peer is distinct from p.value)
        order by r.name limit $2
        """, after, limit, cancel);

    /// <summary>Repositories that the primary holds and this site has never heard of, though it follows them.</summary>
    public async Task<IReadOnlyList<string>> UnknownAsync(string after, int limit, CancellationToken cancel) =>
        await ListAsync("""
            select p.repository from peer_fingerprint p where p.repository > $1 and p.tags > 0
                and not exists (select from repository r where r.name = p.repository)
            order by p.repository limit $2
            """, after, limit, cancel);

    /// <summary>Whether this site follows a name that only the primary knows.</summary>
    public bool Follows(string name) => selection.TakesFromCatalog(name);

    /// <summary>A closer look found nothing to do about this pair of numbers.</summary>
    public async Task AcceptAsync(string repository, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            insert into peer_fingerprint as p (repository, value, tags, accepted_own, accepted_peer)
            select $1, 0, 0, coalesce((select value from fingerprint where repository = $1), 0), 0
            on conflict (repository) do update set accepted_own = excluded.accepted_own, accepted_peer = p.value
            """);
        command.Parameters.Add(new() { Value = repository });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Whether this site has taken in the primary's log up to an event.</summary>
    public async Task<bool> HasReachedAsync(Guid logId, long eventId, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select exists (select from cursor where log_id = $1 and event_id >= $2)");
        command.Parameters.Add(new() { Value = logId });
        command.Parameters.Add(new() { Value = eventId });
        return (bool)(await command.ExecuteScalarAsync(cancel))!;
    }

    /// <summary>What the primary's inventory lacks is looked for in its registry, twice, before anything is deleted.</summary>
    public async Task CandidatesAsync(string repository, IReadOnlyCollection<string> tags, CancellationToken cancel)
    {
        if (tags.Count == 0)
            return;
        await using var command = source.CreateCommand("""
            insert into waiting_deletion (repository_id, reference) select r.id, t.name from repository r, unnest($2) as t(name)
            where r.name = $1 order by t.name on conflict (repository_id, reference) do nothing
            """);
        command.Parameters.Add(new() { Value = repository });
        command.Parameters.Add(Texts(tags));
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Marks what differs to be copied, and repositories that were never heard of as pending.</summary>
    public async Task WantAsync(string repository, IReadOnlyCollection<string> tags, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using var row = new NpgsqlCommand("""
            with new as (insert into repository (name) values ($1) on conflict (name) do nothing returning id)
            select id from new union all select id from repository where name = $1
            """, connection)
        { Parameters = { new() { Value = repository } } };
        var id = (long)(await row.ExecuteScalarAsync(cancel))!;
        await SyncState.Marking.RecheckAsync(connection, id, tags, cancel);
        await transaction.CommitAsync(cancel);
    }

    private async Task<IReadOnlyList<string>> ListAsync(string sql, string after, int limit, CancellationToken cancel)
    {
        await using var command = source.CreateCommand(sql);
        command.Parameters.Add(new() { Value = after });
        command.Parameters.Add(new() { Value = limit });
        var names = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            names.Add(reader.GetString(0));
        return names;
    }

    private static NpgsqlParameter Texts(IEnumerable<string> values) => new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancel, params NpgsqlParameter[] parameters)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddRange(parameters);
        await command.ExecuteNonQueryAsync(cancel);
    }
}
