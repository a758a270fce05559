using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Deletion;

/// <summary>The candidates' way from seen to confirmed. Every step names the states it starts from, so that any number of nodes may take it.</summary>
public sealed class DeletionQueue(NpgsqlDataSource source)
{
    // What may be worked on at all, as a claim would.
    private const string Open = "exists (select from site where role = 'secondary' and not paused and comparing is null) and not exists (select from outage)";

    /// <summary>Puts what was seen into quarantine, and moves the ends of quarantines whose length the settings changed.</summary>
    public async Task QuarantineAsync(TimeSpan? quarantine, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var batch = new NpgsqlBatch(connection);
        if (quarantine is not { } length)
        {
            batch.BatchCommands.Add(new("""
                update waiting_deletion set state = 'seen', until = null
                where state = 'quarantined' and released_by is null and missed_at is null
                """));
            await batch.ExecuteNonQueryAsync(cancel);
            return;
        }
        batch.BatchCommands.Add(new("""
            update waiting_deletion d set state = 'quarantined', until = d.recorded_at + $1, next_at = d.recorded_at + $1,
                digest = (select t.digest from tag t where t.repository = r.name and t.name = d.reference),
                hold = null, reason = null, missed_at = null, confirmed_at = null, released_by = null, one_off = null, begun = null
            from repository r where r.id = d.repository_id and d.state = 'seen'
            """)
        { Parameters = { new() { Value = length } } });
        batch.BatchCommands.Add(new("""
            update waiting_deletion set until = recorded_at + $1, next_at = recorded_at + $1
            where state = 'quarantined' and released_by is null and missed_at is null and until <> recorded_at + $1
            """)
        { Parameters = { new() { Value = length } } });
        await batch.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Takes one repository's candidates that are due for a look at the primary; other nodes leave them alone for half a minute.</summary>
    public async Task<IReadOnlyList<DeletionRow>> TakeDueAsync(CancellationToken cancel)
    {
        // What only this site has is kept until an operator decides.
        const string Due = """
            (d.state = 'quarantined' and d.until <= clock_timestamp() or d.state = 'held') and d.next_at <= clock_timestamp()
            and not exists (select from divergent_tag v join repository k on k.name = v.repository where k.id = d.repository_id and v.tag = d.reference and v.done_at is null and v.site = (select s.name from site s))
            """;
        await using var command = source.CreateCommand($"""
            with picked as (
                select d.repository_id from waiting_deletion d where {Due} and {Open} order by d.next_at limit 1),
            locked as (
                select d.id from waiting_deletion d join picked on d.repository_id = picked.repository_id where {Due}
                order by d.id for update of d skip locked)
            update waiting_deletion d set next_at = clock_timestamp() + interval '30 seconds'
            from locked, repository r where d.id = locked.id and r.id = d.repository_id
            returning {DeletionRows.Columns}
            """);
        return await DeletionRows.ReadAsync(command, cancel);
    }

    /// <summary>A complete listing lacked them: once is remembered, twice and <paramref name="confirmAfter"/> apart is proof.</summary>
    public Task MissedAsync(IEnumerable<DeletionRow> rows, TimeSpan confirmAfter, CancellationToken cancel) => ExecuteAsync("""
        update waiting_deletion set missed_at = coalesce(missed_at, clock_timestamp()), hold = null, reason = null,
            state = case when missed_at <= clock_timestamp() - $2 then 'confirmed' else 'quarantined' end,
            confirmed_at = case when missed_at <= clock_timestamp() - $2 then clock_timestamp() end,
            next_at = greatest(coalesce(missed_at, clock_timestamp()) + $2, clock_timestamp())
        where id = any ($1) and state in ('quarantined', 'held')
        """, rows, cancel, new NpgsqlParameter { Value = confirmAfter });

    /// <summary>An operator released them and the primary has nothing left to ask: that is the word.</summary>
    public Task ConfirmAsync(IEnumerable<DeletionRow> rows, CancellationToken cancel) => ExecuteAsync("""
        update waiting_deletion set state = 'confirmed', confirmed_at = clock_timestamp(), hold = null, reason = null
        where id = any ($1) and state in ('quarantined', 'held')
        """, rows, cancel);

    /// <summary>The tag is at the primary: it is no candidate any more, unless it was recorded anew meanwhile.</summary>
    public Task ReturnedAsync(IEnumerable<DeletionRow> rows, CancellationToken cancel) =>
        ExecuteAsync("delete from waiting_deletion where id = any ($1) and state <> 'seen'", rows, cancel);

    /// <summary>The look proved nothing: again after <paramref name="pause"/>.</summary>
    public Task LaterAsync(IEnumerable<DeletionRow> rows, TimeSpan pause, string? reason, CancellationToken cancel) => ExecuteAsync("""
        update waiting_deletion set next_at = clock_timestamp() + $2, reason = $3 where id = any ($1) and state in ('quarantined', 'held', 'approved')
        """, rows, cancel, new NpgsqlParameter { Value = pause }, Text(reason));

    /// <summary>Holds them, and says why.</summary>
    /// <param name="lookAgainIn">Null: not until an operator says so.</param>
    public Task HoldAsync(IEnumerable<DeletionRow> rows, string hold, string reason, TimeSpan? lookAgainIn, CancellationToken cancel) => ExecuteAsync("""
        update waiting_deletion set state = 'held', hold = $2, reason = $3, next_at = coalesce(clock_timestamp() + $4, 'infinity')
        where id = any ($1) and state in ('quarantined', 'held', 'approved')
        """, rows, cancel, Text(hold), Text(reason), new NpgsqlParameter { Value = (object?)lookAgainIn ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Interval });

    /// <summary>Whether every tag that the inventory holds of a repository has a delete event of its own.</summary>
    public async Task<bool> EveryTagHasAnEventAsync(long repositoryId, string name, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select not exists (
                select from tag t where t.repository = $2 and not exists (
                    select from waiting_deletion d where d.repository_id = $1 and d.reference = t.name and d.event_id is not null))
            """);
        command.Parameters.Add(new() { Value = repositoryId });
        command.Parameters.Add(new() { Value = name });
        return (bool)(await command.ExecuteScalarAsync(cancel))!;
    }

    /// <summary>A repository with approved candidates that are due; they are left alone by others for a second.</summary>
    public async Task<long?> NextApprovedAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"""
            with picked as (
                select repository_id from waiting_deletion where state = 'approved' and next_at <= clock_timestamp() and {Open}
                order by next_at limit 1),
            locked as (
                select d.id from waiting_deletion d join picked on d.repository_id = picked.repository_id
                where d.state = 'approved' and d.next_at <= clock_timestamp() order by d.id for update of d skip locked)
            update waiting_deletion d set next_at = clock_timestamp() + interval '1 second'
            from locked where d.id = locked.id
            returning d.repository_id
            """);
        return await command.ExecuteScalarAsync(cancel) as long?;
    }

    /// <summary>A repository's approved candidates: tags before the manifests they may need.</summary>
    public async Task<IReadOnlyList<DeletionRow>> ApprovedAsync(long repositoryId, int limit, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"""
            select {DeletionRows.Columns} from waiting_deletion d join repository r on r.id = d.repository_id
            where d.repository_id = $1 and d.state = 'approved' order by strpos(d.reference, ':') > 0, d.id limit $2
            """);
        command.Parameters.Add(new() { Value = repositoryId });
        command.Parameters.Add(new() { Value = limit });
        return await DeletionRows.ReadAsync(command, cancel);
    }

    private async Task ExecuteAsync(string sql, IEnumerable<DeletionRow> rows, CancellationToken cancel, params NpgsqlParameter[] more)
    {
        var ids = rows.Select(r => r.Id).ToArray();
        if (ids.Length == 0)
            return;
        await using var command = source.CreateCommand(sql);
        command.Parameters.Add(new() { Value = ids });
        command.Parameters.AddRange(more);
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static NpgsqlParameter Text(string? text) =>
        new() { Value = (object?)text?.Replace("\0", "", StringComparison.Ordinal) ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };
}
