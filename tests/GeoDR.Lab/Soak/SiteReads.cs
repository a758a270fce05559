using System.Text.Json;
using Npgsql;

namespace GeoDR.Lab;

/// <summary>What a soak reads of a site, by its database and its command line.</summary>
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
    public static async Task<IReadOnlyList<(string Site, string Repository, string Tag, string Digest)>> DivergentAsync(Site site)
    {
        using var said = JsonDocument.Parse((await site.Geo.RunAsync("divergent", "list", "--json")).EnsureSuccess().Output);
        return [.. said.RootElement.EnumerateArray().Select(t =>
            (Text(t, "site"), Text(t, "repository"), Text(t, "tag"), Text(t, "digest")))];
    }

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

    private static string Text(JsonElement tag, string name) => tag.GetProperty(name).GetString()!;
}
