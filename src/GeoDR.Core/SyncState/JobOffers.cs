using Npgsql;

namespace GeoDR.SyncState;

/// <summary>How the slots of all workers are used.</summary>
/// <param name="Slots">Of every worker with a lease.</param>
/// <param name="Used">Rows that are worked on or on their way, <paramref name="Backfills"/> of them of the lower priority.</param>
public sealed record SlotUse(int Slots, int Used, int Backfills);

/// <summary>
/// For an engine with a queue of its own: which rows are handed to it, no more than there are slots, so that order and fairness are
/// still decided here. Nothing is claimed by an offer; whoever takes the job claims the row (<see cref="Claims.ClaimPendingAsync"/>).
/// </summary>
/// <param name="lasts">How long an offer stands that no job takes up.</param>
public sealed class JobOffers(NpgsqlDataSource source, TimeSpan lasts)
{
    public async Task<SlotUse> ReadAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            with used as (
                select priority from repository where state = 1
                union all
                select r.priority from job_offer o join repository r on r.id = o.repository_id where o.offered_at > clock_timestamp() - $1 and r.state = 0)
            select (select coalesce(sum(slots), 0)::int from worker where lease_until > clock_timestamp()),
                (select count(*)::int from used), (select count(*)::int from used where priority = 1)
            """);
        command.Parameters.Add(new() { Value = lasts });
        await using var row = await command.ExecuteReaderAsync(cancel);
        await row.ReadAsync(cancel);
        return new(row.GetInt32(0), row.GetInt32(1), row.GetInt32(2));
    }

    /// <summary>Offers rows that may be claimed now and are not on their way. Two that ask at the same moment may offer one twice, which does no harm.</summary>
    public async Task<IReadOnlyList<(long Id, string Name)>> OfferAsync(int priority, int atMost, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"""
            with picked as (
                select id, name from repository
                where priority = $2 and {Claims.Claimable}
                  and not exists (select from job_offer o where o.repository_id = repository.id and o.offered_at > clock_timestamp() - $1)
                order by priority, pending_since limit $3 for update skip locked),
            noted as (
                insert into job_offer (repository_id) select id from picked
                on conflict (repository_id) do update set offered_at = clock_timestamp())
            select id, name from picked
            """);
        command.Parameters.Add(new() { Value = lasts });
        command.Parameters.Add(new() { Value = priority });
        command.Parameters.Add(new() { Value = atMost });
        var offered = new List<(long, string)>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            offered.Add((row.GetInt64(0), row.GetString(1)));
        return offered;
    }
}
