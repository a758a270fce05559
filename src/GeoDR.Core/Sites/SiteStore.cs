using Npgsql;

namespace GeoDR.Sites;

/// <summary>What the database says this site is; the settings only say what it begins as.</summary>
public sealed record Site(string Name, string Role, bool Paused)
{
    public const string Primary = "primary";
    public const string Secondary = "secondary";

    public bool IsPrimary => Role == Primary;
}

/// <summary>The site's own row.</summary>
public sealed class SiteStore(NpgsqlDataSource source)
{
    /// <summary>Writes the row at the first start; afterwards the stored role wins over the settings.</summary>
    public async Task<Site> EnsureAsync(string name, string role, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("insert into site (name, role) values ($1, $2) on conflict (only_row) do update set name = excluded.name");
        command.Parameters.Add(new() { Value = name });
        command.Parameters.Add(new() { Value = role });
        await command.ExecuteNonQueryAsync(cancel);
        return (await ReadAsync(cancel))!;
    }

    /// <summary>Null before the first start.</summary>
    public async Task<Site?> ReadAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select name, role, paused from site");
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel) ? new Site(reader.GetString(0), reader.GetString(1), reader.GetBoolean(2)) : null;
    }

    /// <summary>Holds the sync, or lets it go on. What has begun is finished; the log is followed all the same.</summary>
    public async Task PauseAsync(bool paused, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new("update site set paused = $1") { Parameters = { new() { Value = paused } } },
                new($"notify {SyncState.Marking.Channel}"),
            },
        };
        await batch.ExecuteNonQueryAsync(cancel);
    }
}
