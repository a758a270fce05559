using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Sites;

/// <summary>A site as this one knows it.</summary>
/// <param name="PublicKey">In PEM; null for a site that can be called and cannot call.</param>
/// <param name="MayPromote">Its terms count.</param>
/// <param name="Source">"settings" and "joined" are this site's own word, "told" its primary's.</param>
/// <param name="RegistryUrl">Where others read its registry.</param>
public sealed record KnownSite(string Name, string? Url, string? PublicKey, bool MayPromote, bool Revoked, string Source, string? RegistryUrl);

/// <summary>Who the sites are: from the settings, by invitation, or told by the primary.</summary>
public sealed class SiteBook(NpgsqlDataSource source)
{
    private const string Columns = "name, url, public_key, may_promote, revoked_at is not null, source, registry_url";

    public async Task<IReadOnlyList<KnownSite>> ListAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select {Columns} from known_site order by name");
        return await ReadAsync(command, cancel);
    }

    /// <summary>Null for a name that is not known.</summary>
    public async Task<KnownSite?> FindAsync(string name, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select {Columns} from known_site where name = $1");
        command.Parameters.Add(new() { Value = name.Replace("\0", "", StringComparison.Ordinal) });
        return await ReadAsync(command, cancel) is [var one, ..] ? one : null;
    }

    /// <summary>The settings' sites, at each start. One that they name no more is known no more, unless it joined.</summary>
    public async Task SetAsync(IReadOnlyList<KnownSite> sites, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using (var gone = new NpgsqlCommand("delete from known_site where source = 'settings' and revoked_at is null and name <> all ($1)", connection))
        {
            gone.Parameters.Add(new() { Value = sites.Select(s => s.Name).ToArray() });
            await gone.ExecuteNonQueryAsync(cancel);
        }
        foreach (var site in sites)
            await WriteAsync(connection, site, """
                url = coalesce(excluded.url, k.url), public_key = coalesce(excluded.public_key, k.public_key), may_promote = excluded.may_promote,
                registry_url = coalesce(excluded.registry_url, k.registry_url), source = case when k.source = 'joined' then 'joined' else 'settings' end
                """, cancel);
        await transaction.CommitAsync(cancel);
    }

    /// <summary>What another site says of the sites. It adds what was not known and the way to the registry; keys that stand, stand.</summary>
    public async Task TellAsync(IReadOnlyList<KnownSite> sites, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        foreach (var site in sites)
            await WriteAsync(connection, site with { Source = "told" }, """
                url = coalesce(k.url, excluded.url), registry_url = case when k.source = 'told' then excluded.registry_url else coalesce(k.registry_url, excluded.registry_url) end
                """, cancel);
    }

    /// <summary>All the sites, as the primary that this one follows says. One that only it had told of and names no more is forgotten.</summary>
    public async Task TellAllAsync(string primary, IReadOnlyList<KnownSite> sites, CancellationToken cancel)
    {
        await TellAsync(sites, cancel);
        await using var command = source.CreateCommand("""
            with gone as (delete from known_site where source = 'told' and revoked_at is null and name <> $1 and name <> all ($2) returning name)
            delete from peer using gone where peer.name = gone.name
            """);
        command.Parameters.Add(new() { Value = primary });
        command.Parameters.Add(new() { Value = sites.Select(s => s.Name).ToArray() });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>A site that joined by invitation.</summary>
    public async Task JoinAsync(KnownSite site, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await JoinAsync(connection, site, cancel);
    }

    /// <summary>The same, in the caller's transaction.</summary>
    public static Task JoinAsync(NpgsqlConnection connection, KnownSite site, CancellationToken cancel) => WriteAsync(connection, site with { Source = "joined" }, """
        url = excluded.url, public_key = excluded.public_key, may_promote = excluded.may_promote, registry_url = excluded.registry_url,
        source = 'joined', revoked_at = null
        """, cancel);

    /// <summary>From now on the site's calls and terms are refused here. False for a name that is not known.</summary>
    public async Task<bool> RevokeAsync(string name, CancellationToken cancel)
    {
        await using var command = source.CreateCommand(
            "update known_site set revoked_at = coalesce(revoked_at, clock_timestamp()), changed_at = clock_timestamp() where name = $1");
        command.Parameters.Add(new() { Value = name });
        return await command.ExecuteNonQueryAsync(cancel) > 0;
    }

    private static async Task WriteAsync(NpgsqlConnection connection, KnownSite site, string update, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand($"""
            insert into known_site as k (name, url, public_key, may_promote, source, registry_url, revoked_at)
            values ($1, $2, $3, $4, $5, $6, case when $7 then clock_timestamp() end)
            on conflict (name) do update set {update}, changed_at = clock_timestamp()
            """, connection);
        command.Parameters.Add(new() { Value = site.Name });
        command.Parameters.Add(Text(site.Url));
        command.Parameters.Add(Text(site.PublicKey));
        command.Parameters.Add(new() { Value = site.MayPromote });
        command.Parameters.Add(new() { Value = site.Source });
        command.Parameters.Add(Text(site.RegistryUrl));
        command.Parameters.Add(new() { Value = site.Revoked });
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static async Task<IReadOnlyList<KnownSite>> ReadAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        var sites = new List<KnownSite>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            sites.Add(new(reader.GetString(0), Text(reader, 1), Text(reader, 2), reader.GetBoolean(3), reader.GetBoolean(4), reader.GetString(5), Text(reader, 6)));
        return sites;
    }

    private static NpgsqlParameter Text(string? text) => new() { Value = (object?)text ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
}
