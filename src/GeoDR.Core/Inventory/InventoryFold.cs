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
            -- The last word on each tag, the deletion of each digest, and the last word on each manifest. A deleted digest takes
            -- the tags along that point to it at that moment.
            touched as (
                select distinct on (repository, tag) repository, tag, digest, kind, id from page where tag is not null
                order by repository, tag, id desc),
            removed as (
                select repository, digest, max(id) as id from page where kind = 'delete' and tag is null group by repository, digest),
            standing as (
                select t.* from touched t left join removed r on r.repository = t.repository and r.digest = t.digest and r.id > t.id
                where t.kind = 'push' and r.id is null),
            stored as (
                select distinct on (repository, digest) repository, digest, kind, media_type, max(bytes) over (partition by repository, digest) as bytes
                from page where digest is not null and (kind = 'push' or tag is null)
                order by repository, digest, id desc),
            tagged as (
                insert into tag (repository, name, digest) select repository, tag, digest from standing order by repository, tag
                on conflict (repository, name) do update set digest = excluded.digest, read_at = clock_timestamp()),
            untagged as (
                delete from tag t where exists (
                    select from touched n where n.repository = t.repository and n.tag = t.name
                        and not exists (select from standing s where s.repository = t.repository and s.tag = t.name))),
            orphaned as (
                delete from tag t using removed r where r.repository = t.repository and r.digest = t.digest
                    and not exists (select from touched n where n.repository = t.repository and n.tag = t.name)),
            held as (
                insert into manifest (repository, digest, media_type, bytes)
                select repository, digest, media_type, bytes from stored where kind = 'push' order by repository, digest
                on conflict (repository, digest) do update set bytes = coalesce(excluded.bytes, manifest.bytes)),
            deleted as (
                delete from manifest m using stored n where n.kind = 'delete' and m.repository = n.repository and m.digest = n.digest)
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
