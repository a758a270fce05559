using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Reconcile;

/// <summary>Where a look begins.</summary>
/// <param name="After">The known repository that was looked at last, in turn.</param>
/// <param name="Catalog">The catalog's name that was seen last.</param>
public sealed record SilencePosition(string After, string Catalog);

/// <summary>The registry changes, and tells nothing.</summary>
/// <param name="Found">What was seen first, such as <c>team/app:v1</c>.</param>
public sealed record SilenceAlarm(DateTimeOffset Since, string Found)
{
    /// <summary>For people, with the mend.</summary>
    public string InWords =>
        $"{Silence.Reason} (seen at {Found}): look at its notification endpoint, its secret, and the way from it to here";
}

/// <summary>On a primary: since when no notification comes, who looks at the registry meanwhile, and what that came to.</summary>
public sealed class Silence(NpgsqlDataSource source)
{
    /// <summary>Why a comparison is wanted.</summary>
    public const string Reason = "the registry changes and sends no notifications";

    // Whatever came from the registry, understood or not, shows that the way is open.
    private const string Heard = """
        (exists (select from event where received_at > {0} and origin = 'notification') or exists (select from quarantine where last_at > {0}))
        """;

    /// <summary>
    /// Takes the next look for this node; null where none is due: something was heard within <paramref name="silence"/>, another node
    /// looks, a comparison runs, or none was ever completed, so that nobody knows what is new.
    /// </summary>
    /// <param name="lease">Until then no other node looks.</param>
    public async Task<SilencePosition?> TakeAsync(TimeSpan silence, TimeSpan lease, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"""
            update silence set looked_at = clock_timestamp(), held_until = clock_timestamp() + $2
            where held_until < clock_timestamp() and looked_at < clock_timestamp() - $1
                and exists (select from site where role = 'primary' and not paused and created_at < clock_timestamp() - $1)
                and exists (select from reconcile_run where status = 'done')
                and not exists (select from reconcile_run where status in ('wanted', 'running'))
                and not {Since("clock_timestamp() - $1")}
            returning position, catalog_position
            """);
        command.Parameters.Add(new() { Value = silence });
        command.Parameters.Add(new() { Value = lease });
        await using var row = await command.ExecuteReaderAsync(cancel);
        return await row.ReadAsync(cancel) ? new(row.GetString(0), row.GetString(1)) : null;
    }

    /// <summary>Ends a look.</summary>
    /// <param name="next">Where the next one begins.</param>
    /// <param name="found">What differs for longer than a notification may take; null where nothing does.</param>
    /// <returns>Whether the registry is silent: what differs was not told, and nothing was heard since the look began.</returns>
    public async Task<bool> EndAsync(SilencePosition next, string? found, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"""
            update silence set held_until = '-infinity', position = $1, catalog_position = $2,
                since = case when $3::text is null or {Since("looked_at")} then since else coalesce(since, clock_timestamp()) end,
                found = case when $3::text is null or {Since("looked_at")} then found else coalesce(found, $3) end
            returning $3::text is not null and not {Since("looked_at")}
            """);
        command.Parameters.Add(new() { Value = next.After });
        command.Parameters.Add(new() { Value = next.Catalog });
        command.Parameters.Add(new() { Value = (object?)found ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        return (bool)(await command.ExecuteScalarAsync(cancel))!;
    }

    /// <summary>What is known to be wrong now; null where nothing is, or something was heard since.</summary>
    public async Task<SilenceAlarm?> AlarmAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select since, found from silence where since is not null and not {Since("since")}");
        await using var row = await command.ExecuteReaderAsync(cancel);
        return await row.ReadAsync(cancel) ? new(row.GetFieldValue<DateTimeOffset>(0), row.GetString(1)) : null;
    }

    /// <summary>Ends an alarm after which something was heard; events are pruned, so this is not left to reading.</summary>
    /// <param name="whatever">Ends it also where nothing was heard.</param>
    public async Task ClearAsync(bool whatever, CancellationToken cancel)
    {
        await using var command = source.CreateCommand(
            $"update silence set since = null, found = null where since is not null and ($1 or {Since("since")})");
        command.Parameters.Add(new() { Value = whatever });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>The known tags of a repository, those that were told last first.</summary>
    public async Task<IReadOnlyList<(string Name, string Digest)>> TagsAsync(string repository, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select name, digest from tag where repository = $1 order by read_at desc, name");
        command.Parameters.Add(new() { Value = repository });
        var tags = new List<(string, string)>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            tags.Add((row.GetString(0), row.GetString(1)));
        return tags;
    }

    /// <summary>The repositories that changed last, as far as is known.</summary>
    public Task<IReadOnlyList<string>> ChangedLastAsync(int limit, CancellationToken cancel) =>
        NamesAsync("select repository from fingerprint where tags > 0 order by change desc limit $1", new() { Value = limit }, cancel);

    /// <summary>Those of the names that nothing is known of, in order.</summary>
    public Task<IReadOnlyList<string>> UnknownAsync(IReadOnlyList<string> names, CancellationToken cancel) => NamesAsync(
        "select n.name from unnest($1) as n(name) where not exists (select from fingerprint f where f.repository = n.name and f.tags > 0) order by n.name",
        new() { Value = names.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text }, cancel);

    private async Task<IReadOnlyList<string>> NamesAsync(string sql, NpgsqlParameter parameter, CancellationToken cancel)
    {
        await using var command = source.CreateCommand(sql);
        command.Parameters.Add(parameter);
        var names = new List<string>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            names.Add(row.GetString(0));
        return names;
    }

    private static string Since(string moment) => Heard.Replace("{0}", moment, StringComparison.Ordinal);
}
