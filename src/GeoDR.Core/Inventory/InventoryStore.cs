using Npgsql;

namespace GeoDR.Inventory;

/// <summary>What GeoDR knows this site's registry to hold: the memory that saves requests.</summary>
public sealed class InventoryStore(NpgsqlDataSource source)
{
    /// <summary>The digest of every known tag of a repository.</summary>
    public async Task<Dictionary<string, string>> TagsAsync(string repository, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select name, digest from tag where repository = $1");
        command.Parameters.Add(new() { Value = repository });
        var tags = new Dictionary<string, string>(StringComparer.Ordinal);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            tags[reader.GetString(0)] = reader.GetString(1);
        return tags;
    }

    /// <summary>The known digest of a tag, whether that manifest is known to be here, complete, and whether the tag is kept as divergent.</summary>
    public async Task<(string? TagDigest, bool HasManifest, bool IsKept)> LookUpAsync(string repository, string tag, string digest, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select (select digest from tag where repository = $1 and name = $2),
                exists (select from manifest where repository = $1 and digest = $3),
                exists (select from divergent_tag v where v.repository = $1 and v.tag = $2 and v.done_at is null and v.site = (select s.name from site s))
            """);
        command.Parameters.Add(new() { Value = repository });
        command.Parameters.Add(new() { Value = tag });
        command.Parameters.Add(new() { Value = digest });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return (reader.IsDBNull(0) ? null : reader.GetString(0), reader.GetBoolean(1), reader.GetBoolean(2));
    }

    /// <summary>The media type of every known manifest of a repository; null where it is not known.</summary>
    public async Task<Dictionary<string, string?>> MediaTypesAsync(string repository, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select digest, media_type from manifest where repository = $1");
        command.Parameters.Add(new() { Value = repository });
        var types = new Dictionary<string, string?>(StringComparer.Ordinal);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            types[reader.GetString(0)] = reader.IsDBNull(1) ? null : reader.GetString(1);
        return types;
    }

    /// <summary>The registry said that something is missing which this memory held: the repository's memory is worth nothing.</summary>
    public async Task ForgetAsync(string repository, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            with tags as (delete from tag where repository = $1) delete from manifest where repository = $1
            """);
        command.Parameters.Add(new() { Value = repository });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>
    /// Digests that verification found bad: whatever the registry says of them, they are sent again. One with a cache promises what
    /// is gone, and one that looks no closer what is damaged.
    /// </summary>
    public async Task<IReadOnlyList<string>> DamagedAsync(long repositoryId, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select subject from damage where repository_id = $1 and healed_at is null and ordered and subject ~ '^sha(256|512):'
            """);
        command.Parameters.Add(new() { Value = repositoryId });
        var digests = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            digests.Add(reader.GetString(0));
        return digests;
    }

    /// <summary>Names after <paramref name="after"/> that hold at least one tag, for a peer whose registry has no catalog.</summary>
    public async Task<IReadOnlyList<string>> RepositoriesAsync(string after, int limit, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select distinct repository from tag where repository > $1 order by repository limit $2");
        command.Parameters.Add(new() { Value = after });
        command.Parameters.Add(new() { Value = limit });
        var names = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            names.Add(reader.GetString(0));
        return names;
    }
}
