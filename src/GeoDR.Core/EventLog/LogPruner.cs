using Npgsql;
using NpgsqlTypes;

namespace GeoDR.EventLog;

/// <summary>How long the log keeps events: <c>Geo:Log</c>.</summary>
public sealed record LogLimits
{
    /// <summary>Nothing younger is pruned; default 1 day.</summary>
    public TimeSpan KeepFor { get; init; } = TimeSpan.FromDays(1);

    /// <summary>A reader unheard for longer holds nothing back; without readers, events are kept this long. Default 7 days.</summary>
    public TimeSpan ReaderSilence { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Beyond this many events no reader holds anything back; default 10 million.</summary>
    public long MaxEvents { get; init; } = 10_000_000;

    /// <summary>Beyond about so many bytes, indexes included, no reader holds anything back; null for no such limit. Default 10 GB.</summary>
    public long? MaxBytes { get; init; } = 10_000_000_000;
}

/// <summary>
/// Removes events that every living reader has passed. Each reader's own event stays, since its next page begins there. Of a reader that
/// holds the pruning back, or for which it waits no longer, its row says so.
/// </summary>
public sealed class LogPruner(LogLimits limits)
{
    /// <summary>The first event that stays, by what is known of the readers now.</summary>
    public async Task<long> BoundAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        // By size, the limit is counted in rows of the size of late: the files themselves do not shrink when rows go.
        // The site's own inventory is a reader too.
        await using var command = new NpgsqlCommand("""
            with ends as (select coalesce(max(id), 0) as head from event),
            enough as (
                select greatest(0, head - $3, case when pg_total_relation_size('event') > $4 then head - ($4 / (
                    select avg(pg_column_size(e.*)) + 150 from (select * from event order by id desc limit 1000) e))::bigint end) as id
                from ends),
            young as (
                select coalesce((select id from event where received_at >= now() - $1 order by received_at, id limit 1), head) as id from ends),
            readers as (
                select p.name, p.event_id, p.last_heard_at <= now() - $2 as silent, p.last_heard_at <= now() - $2 or p.event_id < enough.id as let_go
                from enough, peer p join log l on p.log_id = l.id where p.event_id is not null),
            wanted as (
                select least(
                    coalesce(
                        (select min(event_id) from readers where not silent),
                        (select id from event where received_at < now() - $2 order by received_at desc, id desc limit 1), 0),
                    (select event_id from inventory_position)) as id),
            judged as (
                select r.name, r.let_go, not r.let_go and r.event_id = wanted.id
                    and exists (select from event e where e.id > r.event_id and e.id < young.id) as holds
                from readers r, wanted, young),
            said as (
                update peer p set
                    holds_since = case when j.holds then coalesce(p.holds_since, clock_timestamp()) end,
                    let_go_at = case when j.let_go then coalesce(p.let_go_at, clock_timestamp()) end
                from judged j
                where p.name = j.name and ((p.holds_since is not null) <> j.holds or (p.let_go_at is not null) <> j.let_go))
            select least(young.id, greatest(enough.id, wanted.id)) from enough, young, wanted
            """, connection);
        command.Parameters.Add(new() { Value = limits.KeepFor });
        command.Parameters.Add(new() { Value = limits.ReaderSilence });
        command.Parameters.Add(new() { Value = limits.MaxEvents });
        command.Parameters.Add(new() { Value = (object?)limits.MaxBytes ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint });
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    /// <summary>Removes the oldest events below a bound, a few, and raises the log's floor with them; answers how many went.</summary>
    public static async Task<long> StepAsync(NpgsqlConnection connection, long below, int limit, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("""
            with doomed as (
                select id from event where id >= (select floor from log) and id < $1 order by id limit $2),
            gone as (delete from event where id = any (array(select id from doomed)) returning id)
            update log set floor = greatest(floor, (select max(id) + 1 from gone)) where exists (select from gone)
            returning (select count(*) from gone)
            """, connection)
        { Parameters = { new() { Value = below }, new() { Value = limit } } };
        return await command.ExecuteScalarAsync(cancel) as long? ?? 0;
    }
}
