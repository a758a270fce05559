using Npgsql;

namespace GeoDR.Sites;

/// <summary>Calls between sites that count once, by their tokens' <c>jti</c>.</summary>
public sealed class SeenCalls(NpgsqlDataSource source)
{
    private const int Longest = 64;

    /// <summary>Whether it is the first of its kind; it never is again, for longer than a token lasts.</summary>
    public async Task<bool> IsFirstAsync(string? jti, CancellationToken cancel)
    {
        if (jti is not { Length: > 0 and <= Longest } || !jti.All(char.IsAsciiLetterOrDigit))
            return false;
        await using var command = source.CreateCommand("""
            with gone as (delete from seen_call where forget_at < clock_timestamp())
            insert into seen_call (jti, forget_at) values ($1, clock_timestamp() + interval '5 minutes') on conflict do nothing
            """);
        command.Parameters.Add(new() { Value = jti });
        return await command.ExecuteNonQueryAsync(cancel) == 1;
    }
}
