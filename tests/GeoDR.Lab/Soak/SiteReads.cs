using Npgsql;

namespace GeoDR.Lab;

/// <summary>What a soak reads of a site, by its database and its registry.</summary>
internal static class SiteReads
{
    public static async Task<T> ScalarAsync<T>(Site site, string sql, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(site.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>What <c>geodr divergent list</c> shows there as open.</summary>
    public static async Task<IReadOnlyList<(string Site, string Repository, string Tag, string Digest)>> DivergentAsync(Site site, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(site.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand("select site, repository, tag, digest from divergent_tag where done_at is null", connection);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        var open = new List<(string, string, string, string)>();
        while (await row.ReadAsync(cancellationToken))
        {
            open.Add((row.GetString(0), row.GetString(1), row.GetString(2), row.GetString(3)));
        }

        return open;
    }

    /// <summary>Whether a site knows of a newer term than that under which it was a primary, or is none any more.</summary>
    public static Task<bool> IsReplacedAsync(Site site, CancellationToken cancellationToken) => ScalarAsync<bool>(
        site, "select role <> 'primary' or exists (select from term t where t.rejected is null and t.epoch > (select coalesce(max(epoch), 0) from term own where own.promotion = site.term)) from site",
        cancellationToken);

    /// <summary>Every tag of the registry with its digest, but GeoDR's own canary.</summary>
    public static async Task<IReadOnlyDictionary<(string Repository, string Tag), string>> TagsAsync(Site site, CancellationToken cancellationToken)
    {
        var tags = new Dictionary<(string, string), string>();
        foreach (var name in (await site.Client.ListRepositoriesAsync(cancellationToken)).Where(n => n != "geodr/canary"))
        {
            foreach (var tag in await site.Client.ListTagsAsync(name, cancellationToken))
            {
                if (await site.Client.ResolveAsync(name, tag, cancellationToken) is { } digest)
                {
                    tags[(name, tag)] = digest;
                }
            }
        }

        return tags;
    }
}
