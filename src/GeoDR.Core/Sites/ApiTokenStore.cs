using System.Security.Cryptography;
using System.Text;
using GeoDR.Audit;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Sites;

/// <summary>A token for scripts; its secret is shown once and kept as a hash.</summary>
public sealed record ApiToken(string Name, string Role, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt)
{
    /// <summary>By the database's clock: it is refused.</summary>
    public bool Expired { get; init; }
}

/// <summary>The tokens that the API takes.</summary>
public sealed class ApiTokenStore(NpgsqlDataSource source)
{
    /// <summary>What every token begins with, so that people and scanners know one when they see it.</summary>
    public const string Prefix = "geodr_";

    private const string Columns = "name, role, created_at, expires_at, coalesce(expires_at <= clock_timestamp(), false)";

    /// <summary>Makes a token; null when the name is taken.</summary>
    /// <param name="lifetime">Null: until it is revoked.</param>
    /// <param name="who">For the audit log.</param>
    public async Task<string?> NewAsync(string name, string role, TimeSpan? lifetime, string who, CancellationToken cancel)
    {
        var token = Prefix + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        await using var command = source.CreateCommand("""
            with made as (
                insert into api_token (name, token_hash, role, expires_at) values ($1, $2, $3, clock_timestamp() + $4) on conflict (name) do nothing returning *),
            kept as (
                insert into audit (who, what, reference, detail, address)
                select $5, 'API token made', name, role || coalesce(', until ' || to_char(expires_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), ''), $6 from made)
            select count(*) from made
            """);
        command.Parameters.Add(new() { Value = name });
        command.Parameters.Add(new() { Value = Hash(token) });
        command.Parameters.Add(new() { Value = role });
        command.Parameters.Add(new() { Value = (object?)lifetime ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Interval });
        command.Parameters.Add(new() { Value = who });
        command.Parameters.Add(AuditOrigin.Parameter());
        return (long)(await command.ExecuteScalarAsync(cancel))! == 1 ? token : null;
    }

    /// <summary>Whose token it is, expired or not; null for one that is unknown or revoked.</summary>
    public async Task<ApiToken?> FindAsync(string token, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select {Columns} from api_token where token_hash = $1");
        command.Parameters.Add(new() { Value = Hash(token) });
        return (await ReadAsync(command, cancel)).SingleOrDefault();
    }

    public async Task<IReadOnlyList<ApiToken>> ListAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select {Columns} from api_token order by name");
        return await ReadAsync(command, cancel);
    }

    /// <summary>False when there is none of that name. The next call with it is refused.</summary>
    /// <param name="who">For the audit log.</param>
    public async Task<bool> RevokeAsync(string name, string who, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            with gone as (delete from api_token where name = $1 returning *),
            kept as (insert into audit (who, what, reference, detail, address) select $2, 'API token revoked', name, role, $3 from gone)
            select count(*) from gone
            """);
        command.Parameters.Add(new() { Value = name.Replace("\0", "", StringComparison.Ordinal) });
        command.Parameters.Add(new() { Value = who });
        command.Parameters.Add(AuditOrigin.Parameter());
        return (long)(await command.ExecuteScalarAsync(cancel))! == 1;
    }

    // A token is random and long: one round of a fast hash is enough, and one index lookup finds it without comparing secrets.
    private static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    private static async Task<List<ApiToken>> ReadAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        var tokens = new List<ApiToken>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            tokens.Add(new(row.GetString(0), row.GetString(1), row.GetFieldValue<DateTimeOffset>(2),
                row.IsDBNull(3) ? null : row.GetFieldValue<DateTimeOffset>(3)) { Expired = row.GetBoolean(4) });
        return tokens;
    }
}
