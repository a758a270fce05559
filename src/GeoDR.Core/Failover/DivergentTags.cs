using GeoDR.Audit;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Failover;

/// <summary>A tag whose content only one site has.</summary>
/// <param name="Site">Which site that is.</param>
/// <param name="Other">What the primary's tag of this name is; null where it has none.</param>
/// <param name="Decision">"take": it becomes the primary's; "aside": the primary keeps it under another name; "drop": the site may overwrite it. Null while nobody decided.</param>
/// <param name="DoneAt">When the decision was carried out.</param>
public sealed record DivergentTag(
    string Site, string Repository, string Tag, string Digest, string? Other, DateTimeOffset FoundAt, string? Decision, string? DecidedBy,
    DateTimeOffset? DecidedAt, DateTimeOffset? DoneAt, string? Problem);

/// <summary>
/// What a site holds beyond its primary: offered, and until somebody decides neither overwritten nor deleted. The site that has it and
/// the primary each keep a list.
/// </summary>
public sealed class DivergentTags(NpgsqlDataSource source)
{
    public const string Take = "take";
    public const string Aside = "aside";
    public const string Drop = "drop";

    private const string Columns = "site, repository, tag, digest, other, found_at, decision, decided_by, decided_at, done_at, problem";

    /// <summary>Keeps what was found or offered; what is known already and was decided stays decided, unless its content is another now.</summary>
    public async Task FoundAsync(IReadOnlyCollection<DivergentTag> tags, CancellationToken cancel)
    {
        if (tags.Count == 0)
            return;
        await using var command = source.CreateCommand("""
            insert into divergent_tag as d (site, repository, tag, digest, other)
            select * from unnest($1, $2, $3, $4, $5)
            on conflict (site, repository, tag) do update set other = excluded.other, digest = excluded.digest,
                decision = case when d.digest = excluded.digest then d.decision end, decided_by = case when d.digest = excluded.digest then d.decided_by end,
                decided_at = case when d.digest = excluded.digest then d.decided_at end, done_at = case when d.digest = excluded.digest then d.done_at end,
                problem = null
            """);
        foreach (var column in new[] { tags.Select(t => t.Site), tags.Select(t => t.Repository), tags.Select(t => t.Tag), tags.Select(t => t.Digest), tags.Select(t => t.Other) })
            command.Parameters.Add(new() { Value = column.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>In order of site, repository and tag, after the given ones.</summary>
    /// <param name="open">Only what nobody has decided, or what was decided and is not done.</param>
    public async Task<IReadOnlyList<DivergentTag>> ListAsync(bool open, (string Site, string Repository, string Tag) after, int limit, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"""
            select {Columns} from divergent_tag where (site, repository, tag) > ($1, $2, $3) and (not $4 or done_at is null)
            order by site, repository, tag limit $5
            """);
        command.Parameters.Add(new() { Value = after.Site });
        command.Parameters.Add(new() { Value = after.Repository });
        command.Parameters.Add(new() { Value = after.Tag });
        command.Parameters.Add(new() { Value = open });
        command.Parameters.Add(new() { Value = limit });
        return await ReadAsync(command, cancel);
    }

    /// <summary>Decided and not done, the oldest decision first; what could not be carried out last, so that it keeps nothing up.</summary>
    public async Task<IReadOnlyList<DivergentTag>> DecidedAsync(int limit, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select {Columns} from divergent_tag where decision is not null and done_at is null order by problem is not null, decided_at limit $1");
        command.Parameters.Add(new() { Value = limit });
        return await ReadAsync(command, cancel);
    }

    /// <summary>An operator's word on what matches; what is done stays done. Answers how many it concerns.</summary>
    public async Task<int> DecideAsync(string? site, string? repository, string? tag, string decision, string by, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using var command = new NpgsqlCommand("""
            update divergent_tag set decision = $4, decided_by = $5, decided_at = clock_timestamp(), problem = null
            where done_at is null and ($1::text is null or site = $1) and ($2::text is null or repository = $2) and ($3::text is null or tag = $3)
            """, connection);
        foreach (var text in new[] { site, repository, tag, decision, by })
            command.Parameters.Add(new() { Value = (object?)text ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        var decided = await command.ExecuteNonQueryAsync(cancel);
        if (decided > 0)
            await AuditLog.WriteAsync(connection, by, $"divergent {decision}", repository, tag, $"{decided} of {site ?? "all sites"}", cancel);
        await transaction.CommitAsync(cancel);
        return decided;
    }

    /// <summary>The same on chosen tags, as they were shown: one whose content is another by now is not decided about.</summary>
    public async Task<int> DecideAsync(IReadOnlyCollection<DivergentTag> tags, string decision, string by, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            with decided as (
                update divergent_tag d set decision = $5, decided_by = $6, decided_at = clock_timestamp(), problem = null
                from unnest($1, $2, $3, $4) as shown(site, repository, tag, digest)
                where d.done_at is null and (d.site, d.repository, d.tag, d.digest) = (shown.site, shown.repository, shown.tag, shown.digest)
                returning d.site, d.repository, d.tag, d.digest),
            kept as (insert into audit (who, what, repository, reference, digest, detail, address) select $6, 'divergent ' || $5, repository, tag, digest, 'of ' || site, $7 from decided)
            select count(*) from decided
            """);
        foreach (var column in new[] { tags.Select(t => t.Site), tags.Select(t => t.Repository), tags.Select(t => t.Tag), tags.Select(t => t.Digest) })
            command.Parameters.Add(new() { Value = column.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = decision, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = by, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(AuditOrigin.Parameter());
        return (int)(long)(await command.ExecuteScalarAsync(cancel))!;
    }

    /// <summary>The decision was carried out, or why it could not be.</summary>
    public async Task DoneAsync(DivergentTag tag, string? problem, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            update divergent_tag set done_at = case when $5::text is null then clock_timestamp() end, problem = $5
            where site = $1 and repository = $2 and tag = $3 and digest = $4
            """);
        foreach (var text in new[] { tag.Site, tag.Repository, tag.Tag, tag.Digest, problem })
            command.Parameters.Add(new() { Value = (object?)text ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>The primary's tag is another than when it was listed: what was decided about that one counts no more.</summary>
    public async Task MovedAsync(DivergentTag tag, string? other, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            update divergent_tag set other = $5, decision = null, decided_by = null, decided_at = null,
                problem = 'the primary''s tag has become another meanwhile: look again, and decide'
            where site = $1 and repository = $2 and tag = $3 and digest = $4
            """);
        foreach (var text in new[] { tag.Site, tag.Repository, tag.Tag, tag.Digest, other })
            command.Parameters.Add(new() { Value = (object?)text ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Whether the site holds something in the repository that waits for a decision, or for its end.</summary>
    public async Task<bool> IsOfferedAsync(string site, string repository, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select exists (select from divergent_tag where site = $1 and repository = $2 and done_at is null)");
        command.Parameters.Add(new() { Value = site });
        command.Parameters.Add(new() { Value = repository });
        return (bool)(await command.ExecuteScalarAsync(cancel))!;
    }

    /// <summary>How many wait for a decision, or for its end.</summary>
    public async Task<long> CountOpenAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select count(*) from divergent_tag where done_at is null");
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    private static async Task<IReadOnlyList<DivergentTag>> ReadAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        var tags = new List<DivergentTag>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            tags.Add(new(row.GetString(0), row.GetString(1), row.GetString(2), row.GetString(3), Text(row, 4), row.GetFieldValue<DateTimeOffset>(5), Text(row, 6), Text(row, 7),
                Time(row, 8), Time(row, 9), Text(row, 10)));
        return tags;
    }

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static DateTimeOffset? Time(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetFieldValue<DateTimeOffset>(column);
}
