using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Sites;

/// <summary>What one site says to another, every few seconds.</summary>
/// <param name="Primary">The site that the sender calls its primary.</param>
/// <param name="LogId">The log it reads, and how far it has read it.</param>
/// <param name="Counts">Repositories by state: pending, started, synced, failed.</param>
public sealed record Heartbeat(
    string Name, string Role, string? Url, string? Primary, string Version, Guid? LogId, long? EventId,
    IReadOnlyDictionary<string, long> Counts, string Health)
{
    /// <summary>The newest terms that the sender has heard of, as they were signed.</summary>
    public IReadOnlyList<string>? Terms { get; init; }

    /// <summary>Where others read the sender's registry.</summary>
    public string? RegistryUrl { get; init; }

    /// <summary>What is set there, as far as two sites can be compared by it; never a secret.</summary>
    public IReadOnlyDictionary<string, string>? Settings { get; init; }

    /// <summary>How the sender is; null from a version that does not say.</summary>
    public SiteFigures? Figures { get; init; }
}

/// <summary>The answer: what the called site is.</summary>
public sealed record HeartbeatAnswer(string Name, string Role, string? Primary, long Head)
{
    public IReadOnlyList<string>? Terms { get; init; }

    /// <summary>The called site's promotions that were undone lately: who is fenced for one of them need not be any more.</summary>
    public IReadOnlyList<Guid>? Undone { get; init; }

    /// <summary>Of the called site's program.</summary>
    public string? Version { get; init; }

    /// <summary>How the called site is; null from a version that does not say.</summary>
    public string? Health { get; init; }

    public SiteFigures? Figures { get; init; }

    /// <summary>What is set there, as far as two sites can be compared by it; never a secret.</summary>
    public IReadOnlyDictionary<string, string>? Settings { get; init; }

    /// <summary>Every site that the called one knows.</summary>
    public IReadOnlyList<KnownSite>? Sites { get; init; }
}

/// <summary>A site that was heard.</summary>
public sealed record Peer(string Name, string Role, string? Url, long? EventId, DateTimeOffset LastHeardAt, Heartbeat? Status);

/// <summary>The sites that were heard; the pruning stands on their positions.</summary>
public sealed class PeerStore(NpgsqlDataSource source)
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    public async Task HeardAsync(Heartbeat heartbeat, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            insert into peer (name, role, url, log_id, event_id, status) values ($1, $2, $3, $4, $5, $6)
            on conflict (name) do update set role = excluded.role, url = excluded.url, log_id = excluded.log_id,
                event_id = excluded.event_id, last_heard_at = clock_timestamp(),
                -- Not every call says what is set there.
                status = excluded.status || jsonb_build_object('settings', coalesce(nullif(excluded.status -> 'settings', 'null'), peer.status -> 'settings'))
            """);
        command.Parameters.Add(new() { Value = heartbeat.Name });
        command.Parameters.Add(new() { Value = heartbeat.Role });
        command.Parameters.Add(new() { Value = (object?)heartbeat.Url ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = (object?)heartbeat.LogId ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Uuid });
        command.Parameters.Add(new() { Value = (object?)heartbeat.EventId ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint });
        command.Parameters.Add(new() { Value = JsonSerializer.Serialize(heartbeat, s_json), NpgsqlDbType = NpgsqlDbType.Jsonb });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>A site answered, and said less of itself than its own heartbeat does: what that said stays.</summary>
    public async Task AnsweredAsync(HeartbeatAnswer answer, string? url, CancellationToken cancel)
    {
        var status = new Heartbeat(answer.Name, answer.Role, url, answer.Primary, answer.Version ?? "", null, null, new Dictionary<string, long>(), answer.Health ?? "unknown") { Settings = answer.Settings, Figures = answer.Figures };
        await using var command = source.CreateCommand("""
            insert into peer (name, role, url, status) values ($1, $2, $3, $4)
            on conflict (name) do update set role = excluded.role, url = excluded.url, last_heard_at = clock_timestamp(),
                status = case when peer.event_id is null then excluded.status else peer.status end
            """);
        command.Parameters.Add(new() { Value = answer.Name });
        command.Parameters.Add(new() { Value = answer.Role });
        command.Parameters.Add(new() { Value = (object?)url ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = JsonSerializer.Serialize(status, s_json), NpgsqlDbType = NpgsqlDbType.Jsonb });
        await command.ExecuteNonQueryAsync(cancel);
    }

    public async Task<IReadOnlyList<Peer>> ListAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select name, role, url, event_id, last_heard_at, status from peer order by name");
        var peers = new List<Peer>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            peers.Add(new(reader.GetString(0), reader.GetString(1), reader.IsDBNull(2) ? null : reader.GetString(2),
                reader.IsDBNull(3) ? null : reader.GetInt64(3), reader.GetFieldValue<DateTimeOffset>(4),
                JsonSerializer.Deserialize<Heartbeat>(reader.GetString(5), s_json)));
        return peers;
    }
}
