using System.Security.Cryptography;
using System.Text;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Sites;

/// <summary>A token for scripts; its secret is shown once and kept as a hash.</summary>
public sealed record ApiToken(string Name, string Role, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt);

/// <summary>The tokens that the API takes.</summary>
public sealed class ApiTokenStore(NpgsqlDataSource source)
{
    /// <summary>What every token begins with, so that people and scanners know one when they see it.</summary>
    public const string Prefix = "geodr_";

    private const string Columns = "name, role, created_at, expires_at";

    /// <summary>Makes a token; null when the name is taken.</summary>
    /// <param name="lifetime">Null: until it is revoked.</param>
    public async Task<string?> NewAsync(string name, string role, TimeSpan? lifetime, CancellationToken cancel)
    {
        var token = Prefix + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        await using var command = source.CreateCommand("""
            insert into api_token (name, token_hash, role, expires_at) values ($1, $2, $3, clock_timestamp() + $4) on conflict (name) do nothing
            """);
        command.Parameters.Add(new() { Value = name });
        command.Parameters.Add(new() { Value = Hash(token) });
        command.Parameters.Add(new() { Value = role });
        command.Parameters.Add(new() { Value = (object?)lifetime ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Interval });
        return await command.ExecuteNonQueryAsync(cancel) == 1 ? token : null;
    }

    /// <summary>Whose token it is; null for one that is unknown, revoked or expired.</summary>
    public async Task<ApiToken?> FindAsync(string token, CancellationToken cancel)
    {
        await using var command = source.CreateCommand(
            $"select {Columns} from api_token where token_hash = $1 and (expires_at is null or expires_at > clock_timestamp())");
        command.Parameters.Add(new() { Value = Hash(token) });
        return (await ReadAsync(command, cancel)).SingleOrDefault();
    }

    public async Task<IReadOnlyList<ApiToken>> ListAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select {Columns} from api_token order by name");
        return await ReadAsync(command, cancel);
    }

    /// <summary>False when there is none of that name. The next call with it is refused.</summary>
    public async Task<bool> RevokeAsync(string name, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("delete from api_token where name = $1");
        command.Parameters.Add(new() { Value = name });
        return await command.ExecuteNonQueryAsync(cancel) == 1;
    }

    // A token is random and long: one round of a fast hash is enough, and one index lookup finds it without comparing secrets.
    private static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    private static async Task<List<ApiToken>> ReadAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        var tokens = new List<ApiToken>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            tokens.Add(new(row.GetString(0), row.GetString(1), row.GetFieldValue<DateTimeOffset>(2),
                row.IsDBNull(3) ? null : row.GetFieldValue<DateTimeOffset>(3)));
        return tokens;
    }
}
