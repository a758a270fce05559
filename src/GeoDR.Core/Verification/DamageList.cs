using Npgsql;

namespace GeoDR.Verification;

/// <summary>Damage as it is shown.</summary>
/// <param name="Reference">Through which it is fetched again.</param>
/// <param name="Next">What happens, or what must be done.</param>
public sealed record Damage(
    long Id, string Repository, string Subject, string Kind, string Detail, string Reference, int Tries, string Next,
    DateTimeOffset FoundAt, DateTimeOffset? HealedAt);

/// <summary>What checks found.</summary>
public sealed class DamageList(NpgsqlDataSource source)
{
    private const string Select = """
        select d.id, r.name, d.subject, d.kind, d.detail, d.reference, d.tries, d.ordered, d.found_at, d.healed_at
        from damage d join repository r on r.id = d.repository_id
        """;

    /// <summary>Of one repository, the newest first; healed damage too.</summary>
    public Task<IReadOnlyList<Damage>> ListAsync(long repositoryId, int limit, CancellationToken cancel) =>
        ReadAsync($"{Select} where d.repository_id = $1 order by d.id desc limit {limit}", new() { Value = repositoryId }, cancel);

    /// <summary>What was seen since a moment, healed or not.</summary>
    public Task<IReadOnlyList<Damage>> SeenSinceAsync(DateTimeOffset since, string? repository, CancellationToken cancel) =>
        ReadAsync(
            $"{Select} where d.seen_at >= $1 and ($2::text is null or r.name = $2) order by r.name, d.id", new() { Value = since }, cancel,
            new() { Value = (object?)repository ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });

    private async Task<IReadOnlyList<Damage>> ReadAsync(string sql, NpgsqlParameter first, CancellationToken cancel, NpgsqlParameter? second = null)
    {
        await using var command = source.CreateCommand(sql);
        command.Parameters.Add(first);
        if (second is not null)
            command.Parameters.Add(second);
        var found = new List<Damage>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
        {
            var healed = row.IsDBNull(9) ? (DateTimeOffset?)null : row.GetFieldValue<DateTimeOffset>(9);
            found.Add(new(
                row.GetInt64(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4), row.GetString(5), row.GetInt32(6),
                healed is null ? DamageWords.Advice(row.GetString(3), row.GetString(2), row.GetBoolean(7), row.GetString(1)) : "healed",
                row.GetFieldValue<DateTimeOffset>(8), healed));
        }
        return found;
    }
}
