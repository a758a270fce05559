using GeoDR.Selection;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Readiness;

/// <summary>Which repositories a drill pulls, and what this site says that they hold.</summary>
public sealed class DrillSample(NpgsqlDataSource source)
{
    /// <summary>How many hold a tag, and which of them to pull: drawn by lot, or all.</summary>
    /// <param name="count">Null for all.</param>
    public async Task<(long Known, IReadOnlyList<string> Names)> DrawAsync(int? count, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            with known as (select distinct repository from tag where repository <> $1)
            select (select count(*) from known), array(select repository from known order by random() limit $2)
            """);
        command.Parameters.Add(new() { Value = SiteSelection.CanaryRepository });
        command.Parameters.Add(new() { Value = (object?)count ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Integer });
        await using var row = await command.ExecuteReaderAsync(cancel);
        await row.ReadAsync(cancel);
        return (row.GetInt64(0), [.. row.GetFieldValue<string[]>(1).Order(StringComparer.Ordinal)]);
    }

    /// <summary>References of these repositories that wait for the sync: left out of what is pulled.</summary>
    public async Task<long> WaitingAsync(IReadOnlyList<string> names, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select count(*) from waiting_reference w join repository r on r.id = w.repository_id where r.name = any ($1)");
        command.Parameters.Add(new() { Value = names.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    /// <summary>The tags that stand: what the sync is about to change is left out.</summary>
    public async Task<IReadOnlyDictionary<string, string>> TagsAsync(string repository, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select t.name, t.digest from tag t where t.repository = $1 and not exists (
                select from waiting_reference w join repository r on r.id = w.repository_id where r.name = t.repository and w.reference = t.name)
            """);
        command.Parameters.Add(new() { Value = repository });
        var tags = new Dictionary<string, string>(StringComparer.Ordinal);
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            tags[row.GetString(0)] = row.GetString(1);
        return tags;
    }
}
