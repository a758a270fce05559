using Npgsql;

namespace GeoDR.Inventory;

/// <summary>On a primary: folds its own log into its inventory, one page at a time, from a durable position.</summary>
public sealed class InventoryFold(NpgsqlDataSource source)
{
    private const int PageSize = 1000;

    /// <summary>True when there may be more to fold.</summary>
    public async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using var command = new NpgsqlCommand("""
            with start as (select event_id from inventory_position for update),
            page as (
                select e.* from event e, start s where e.id > s.event_id order by e.id limit $1),
            newest as (
                select distinct on (repository, coalesce(tag, digest)) * from page order by repository, coalesce(tag, digest), id desc),
            tagged as (
                insert into tag (repository, name, digest)
                select repository, tag, digest from newest where kind = 'push' and tag is not null
                order by repository, tag
                on conflict (repository, name) do update set digest = excluded.digest, read_at = clock_timestamp()),
            held as (
                insert into manifest (repository, digest, media_type, bytes)
                select distinct on (repository, digest) repository, digest, media_type, bytes from page where kind = 'push'
                order by repository, digest, id desc
                on conflict (repository, digest) do update set bytes = coalesce(excluded.bytes, manifest.bytes)),
            untagged as (
                delete from tag t using newest n where n.kind = 'delete' and t.repository = n.repository and t.name = n.tag),
            deleted as (
                delete from manifest m using newest n where n.kind = 'delete' and n.tag is null and m.repository = n.repository and m.digest = n.digest)
            update inventory_position set event_id = (select max(id) from page) where exists (select from page)
            returning (select count(*) from page)
            """, connection, transaction)
        { Parameters = { new() { Value = PageSize } } };
        await using (var first = new NpgsqlCommand("insert into inventory_position (event_id) values (0) on conflict do nothing", connection, transaction))
            await first.ExecuteNonQueryAsync(cancel);
        var folded = (long)(await command.ExecuteScalarAsync(cancel) ?? 0L);
        await transaction.CommitAsync(cancel);
        return folded == PageSize;
    }
}
