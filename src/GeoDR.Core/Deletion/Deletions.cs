using GeoDR.Audit;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Deletion;

/// <summary>Which candidates an operator means; at least one part is given.</summary>
/// <param name="All">Every candidate; with <paramref name="Hold"/>, every one held so.</param>
public sealed record DeletionPick(long? Id = null, string? Repository = null, string? Tag = null, bool All = false, string? Hold = null);

/// <summary>What people see of the deletions and say to them. Every word is kept in the audit log.</summary>
public sealed class Deletions(NpgsqlDataSource source)
{
    private const string Picked = """
        ($1::bigint is null or d.id = $1) and ($2::text is null or r.name = $2) and ($3::text is null or d.reference = $3) and ($4::text is null or d.hold = $4)
        """;

    private const string Releasable = "d.released_by is null or d.state = 'held'";

    /// <summary>In the order in which they were recorded.</summary>
    /// <param name="after">Only those with a larger id: the next page.</param>
    public async Task<IReadOnlyList<DeletionRow>> ListAsync(string? state, string? repository, long after, int limit, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"""
            select {DeletionRows.Columns} from waiting_deletion d join repository r on r.id = d.repository_id
            where ($1::text is null or d.state = $1) and ($2::text is null or r.name = $2) and d.id > $3 order by d.id limit $4
            """);
        command.Parameters.Add(Text(state));
        command.Parameters.Add(Text(repository));
        command.Parameters.Add(new() { Value = after });
        command.Parameters.Add(new() { Value = limit });
        return await DeletionRows.ReadAsync(command, cancel);
    }

    /// <summary>They stay, whatever the primary deletes, until the tag comes back there or somebody releases them. Answers how many.</summary>
    public Task<long> KeepAsync(DeletionPick pick, string who, CancellationToken cancel) => SayAsync("""
        state = 'kept', hold = null, reason = null, released_by = null, next_at = 'infinity'
        """, "d.state <> 'kept'", AuditWords.Kept, pick, who, cancel);

    /// <summary>
    /// Ends the quarantine or the hold. The look at the primary is not skipped, except where the whole repository is gone there.
    /// Answers how many.
    /// </summary>
    public Task<long> ReleaseAsync(DeletionPick pick, string who, CancellationToken cancel) => SayAsync("""
        state = case when d.confirmed_at is not null and d.state = 'held' then 'confirmed' else 'quarantined' end,
        hold = null, reason = null, released_by = $5, until = clock_timestamp(), next_at = clock_timestamp()
        """, Releasable, AuditWords.Released, pick, who, cancel);

    /// <summary>How many a release of all would reach now.</summary>
    public async Task<long> CountReleasableAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select count(*) from waiting_deletion d where {Releasable}");
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    private async Task<long> SayAsync(string set, string where, string what, DeletionPick pick, string who, CancellationToken cancel)
    {
        if (pick is { Id: null, Repository: null, All: false })
            throw new ArgumentException("say which: an id, a repository, or all", nameof(pick));
        await using var command = source.CreateCommand($"""
            with said as (
                update waiting_deletion d set {set} from repository r
                where r.id = d.repository_id and {Picked} and ({where})
                returning r.name, d.reference, d.digest, d.event_id),
            kept as (
                insert into audit (who, what, repository, reference, digest, event_id, address)
                select $5, $6, name, reference, digest, event_id, $7 from said order by name, reference)
            select count(*) from said
            """);
        command.Parameters.Add(new() { Value = (object?)pick.Id ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint });
        command.Parameters.Add(Text(pick.Repository));
        command.Parameters.Add(Text(pick.Tag));
        command.Parameters.Add(Text(pick.Hold));
        command.Parameters.Add(new() { Value = who });
        command.Parameters.Add(new() { Value = what });
        command.Parameters.Add(AuditOrigin.Parameter());
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    private static NpgsqlParameter Text(string? text) => new() { Value = (object?)text ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };
}
