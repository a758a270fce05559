using GeoDR.Status;
using Npgsql;

namespace GeoDR.Alerts;

/// <summary>What alerts stand on beside the status.</summary>
/// <param name="FailedLong">Repositories that fail and that nothing but a person will mend soon.</param>
/// <param name="DamagedThings">Tags, manifests and blobs missing or damaged here.</param>
/// <param name="Quarantined">Notifications that could not be understood, of the last day.</param>
/// <param name="Divergent">Pushes of the last day where nobody should push.</param>
/// <param name="LastReconcile">The newest comparison that ended: whether it failed, what it found, and why it failed.</param>
/// <param name="LogHead">Newest event of the own log.</param>
public sealed record AlertFacts(
    long FailedLong, long DamagedThings, long Braked, long Quarantined, long Divergent, (bool Failed, long Found, string? Message)? LastReconcile, long LogHead)
{
    public static async Task<AlertFacts> ReadAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        // A row that has failed eight times has done so for more than an hour; one without a time to try again waits for a change.
        await using var command = source.CreateCommand("""
            select
                (select count(*) from repository r where r.state <> 2 and (r.retry_count >= 8 or r.state = 3 and (r.retry_at is null or exists (
                    select from waiting_reference w where w.repository_id = r.id and w.event_id > 0 and w.since < clock_timestamp() - interval '1 hour')))),
                (select count(*) from damage where healed_at is null),
                (select count(*) from waiting_deletion where hold = 'brake'),
                (select count(*) from quarantine where last_at > clock_timestamp() - interval '1 day'),
                (select count(*) from divergent_write where received_at > clock_timestamp() - interval '1 day'),
                r.status = 'failed', case when r.finished_at > clock_timestamp() - interval '1 day' then r.found else 0 end, r.message,
                (select coalesce(max(id), 0) from event)
            from (values (1)) as one(x)
            left join lateral (select * from reconcile_run where status in ('done', 'failed') order by id desc limit 1) r on true
            """);
        await using var row = await command.ExecuteReaderAsync(cancel);
        await row.ReadAsync(cancel);
        return new(
            row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4),
            row.IsDBNull(5) ? null : (row.GetBoolean(5), row.GetInt64(6), row.IsDBNull(7) ? null : row.GetString(7)), row.GetInt64(8));
    }
}

/// <summary>When this site, as a primary, gives a secondary up.</summary>
/// <param name="Silence">A reader unheard for longer holds no event back.</param>
/// <param name="MaxEvents">Nor does one that is further behind.</param>
public sealed record ReaderLimits(TimeSpan Silence, long MaxEvents);
