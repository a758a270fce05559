using Npgsql;

namespace GeoDR.EventLog;

/// <summary>
/// Removes events that every living reader has passed. Each reader's own event stays, since its next page begins there.
/// </summary>
public sealed class LogPruner(NpgsqlDataSource source)
{
    private const int Step = 10_000;

    /// <summary>One step; answers how many events went.</summary>
    /// <param name="keepFor">Nothing younger than this goes.</param>
    /// <param name="readerSilence">A reader unheard for longer holds nothing back; without readers, events are kept this long.</param>
    /// <param name="maxEvents">Beyond this many events, a slow reader holds nothing back either.</param>
    public async Task<int> PruneAsync(TimeSpan keepFor, TimeSpan readerSilence, long maxEvents, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using var command = new NpgsqlCommand("""
            with readers as (
                select min(p.event_id) as slowest from peer p join log l on p.log_id = l.id
                where p.event_id is not null and p.last_heard_at > clock_timestamp() - $2),
            bounds as (
                select greatest(
                    coalesce(r.slowest, 0),
                    coalesce((select max(id) from event where received_at < clock_timestamp() - $2 and r.slowest is null), 0),
                    (select coalesce(max(id), 0) from event) - $3) as below
                from readers r),
            doomed as (
                select e.id from event e, bounds b
                where e.id < b.below and e.received_at < clock_timestamp() - $1
                and pg_try_advisory_xact_lock(7307772)
                order by e.id limit $4),
            gone as (delete from event e using doomed d where e.id = d.id returning e.id)
            update log set floor = greatest(floor, (select max(id) + 1 from gone)) where exists (select from gone)
            returning (select count(*) from gone)
            """, connection, transaction)
        {
            Parameters = { new() { Value = keepFor }, new() { Value = readerSilence }, new() { Value = maxEvents }, new() { Value = Step } },
        };
        var gone = await command.ExecuteScalarAsync(cancel);
        await transaction.CommitAsync(cancel);
        return (int)(long)(gone ?? 0L);
    }
}
