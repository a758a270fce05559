using Npgsql;
using NpgsqlTypes;

namespace GeoDR.SyncState;

/// <summary>What a listing of the primary's tags means for deletions: only candidates, which deletion looks at again with more care.</summary>
public sealed class ListedTags(NpgsqlDataSource source)
{
    /// <summary>Records tags that are here and were not listed, and drops the candidates that were: they came back.</summary>
    /// <param name="listed">Every tag of a complete listing; none where the repository is empty or unknown there, which alone proves nothing.</param>
    /// <param name="missing">Tags of the inventory that were not listed.</param>
    public async Task CompareAsync(ClaimedRepository claim, IReadOnlyCollection<string> listed, IReadOnlyCollection<string> missing, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            with held as (select id, claimed_at from repository where id = $1 and claim_token = $2 and state = 1),
            back as (
                delete from waiting_deletion d using held
                where d.repository_id = held.id and d.reference = any ($3) and d.recorded_at < held.claimed_at)
            insert into waiting_deletion (repository_id, reference)
            select held.id, m.name from held, unnest($4) as m(name) order by m.name
            on conflict (repository_id, reference) do nothing
            """);
        command.Parameters.Add(new() { Value = claim.Id });
        command.Parameters.Add(new() { Value = claim.Token });
        command.Parameters.Add(Texts(listed));
        command.Parameters.Add(Texts(missing));
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static NpgsqlParameter Texts(IEnumerable<string> values) =>
        new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };
}
