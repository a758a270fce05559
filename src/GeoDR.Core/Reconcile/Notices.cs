using Npgsql;

namespace GeoDR.Reconcile;

/// <summary>On a primary: signs that notifications were lost, which are reasons to compare its registry with its inventory.</summary>
public sealed class Notices(NpgsqlDataSource source)
{
    /// <summary>
    /// Whether this site's registry told of something beside the log, while the site was no confirmed primary, and no comparison has
    /// been begun since: now it is one, and what its registry holds is to be known.
    /// </summary>
    public async Task<string?> BesideTheLogAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select (select max(received_at) from divergent_write) > coalesce((select max(started_at) from reconcile_run), '-infinity')
                and not exists (select from reconcile_run where status = 'wanted')
            """);
        return await command.ExecuteScalarAsync(cancel) is true ? "something was pushed here while this site was no confirmed primary" : null;
    }

    /// <summary>What is new since the last look; null when nothing is.</summary>
    public async Task<string?> LookAsync(CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using (var first = new NpgsqlCommand("""
            insert into notice (event_id, quarantined_at) values (0, coalesce((select max(last_at) from quarantine), '-infinity')) on conflict do nothing
            """, connection))
            await first.ExecuteNonQueryAsync(cancel);
        await using var command = new NpgsqlCommand("""
            with last as (select event_id, quarantined_at from notice for update),
            added as (
                insert into registry_instance (id)
                select distinct e.instance_id from event e, last where e.id > last.event_id and e.instance_id is not null
                on conflict (id) do update set last_seen_at = clock_timestamp() returning xmax = 0 as is_new),
            moved as (
                update notice set event_id = greatest(notice.event_id, (select max(id) from event)),
                    quarantined_at = greatest(notice.quarantined_at, (select max(last_at) from quarantine)))
            select (select count(*) from added where is_new), (select count(*) from registry_instance),
                (select count(*) from quarantine q where q.last_at > last.quarantined_at) from last
            """, connection);
        long added, known, quarantined;
        await using (var row = await command.ExecuteReaderAsync(cancel))
        {
            await row.ReadAsync(cancel);
            (added, known, quarantined) = (row.GetInt64(0), row.GetInt64(1), row.GetInt64(2));
        }
        await transaction.CommitAsync(cancel);
        // The first instance of all follows no other.
        return added > 0 && known + added > 1 ? "the registry restarted: what it had not yet sent is gone"
            : quarantined > 0 ? "a notification could not be understood" : null;
    }
}
