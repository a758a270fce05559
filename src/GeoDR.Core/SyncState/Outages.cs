using Npgsql;

namespace GeoDR.SyncState;

/// <summary>The two registries a secondary works with, as they are named in the outage table.</summary>
public static class Peers
{
    public const string PrimaryRegistry = "primary registry";
    public const string OwnRegistry = "own registry";
}

/// <summary>A peer that its own probe found out.</summary>
/// <param name="Kind">"unreachable" or "refused".</param>
public sealed record Outage(string Peer, string Kind, string Detail, DateTimeOffset Since);

/// <summary>While a peer is out its work pauses: nothing is claimed and no attempt burns.</summary>
public sealed class Outages(NpgsqlDataSource source)
{
    public async Task BeginAsync(string peer, string kind, string detail, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            insert into outage (peer, kind, detail) values ($1, $2, $3)
            on conflict (peer) do update set kind = excluded.kind, detail = excluded.detail, probed_at = clock_timestamp()
            """);
        command.Parameters.Add(new() { Value = peer });
        command.Parameters.Add(new() { Value = kind });
        command.Parameters.Add(new() { Value = detail });
        await command.ExecuteNonQueryAsync(cancel);
    }

    public async Task EndAsync(string peer, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new("delete from outage where peer = $1") { Parameters = { new() { Value = peer } } },
                new($"notify {Marking.Channel}"),
            },
        };
        await batch.ExecuteNonQueryAsync(cancel);
    }

    public async Task<IReadOnlyList<Outage>> ListAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select peer, kind, detail, since from outage order by peer");
        var outages = new List<Outage>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            outages.Add(new(reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetFieldValue<DateTimeOffset>(3)));
        return outages;
    }

    /// <summary>A repository that was synced, other than the one in doubt: what a token is tried on.</summary>
    public async Task<string?> KnownRepositoryAsync(string? otherThan, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select name from repository where last_synced_at is not null and name <> $1 order by last_synced_at desc limit 1");
        command.Parameters.Add(new() { Value = otherThan ?? "" });
        return await command.ExecuteScalarAsync(cancel) as string;
    }

    /// <summary>Repositories that were synced, the latest first, hold a tag, and have nothing that waits for its deletion: likely to have tags at the primary.</summary>
    public async Task<IReadOnlyList<string>> RepositoriesWithTagsAsync(string otherThan, int limit, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select name from repository r where last_synced_at is not null and name <> $1
                and exists (select from tag t where t.repository = r.name) and not exists (select from waiting_deletion d where d.repository_id = r.id)
            order by last_synced_at desc limit $2
            """);
        command.Parameters.Add(new() { Value = otherThan });
        command.Parameters.Add(new() { Value = limit });
        var names = new List<string>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            names.Add(row.GetString(0));
        return names;
    }
}
