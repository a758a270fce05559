using Npgsql;

namespace GeoDR.Readiness;

/// <summary>
/// Which canaries the registry told the intake of. A secondary drops GeoDR's own writes from its notifications; of a canary it keeps
/// this one line, so that a preflight can see that notifications come.
/// </summary>
public sealed class CanaryNotices(NpgsqlDataSource source)
{
    /// <summary>Notes one. What is older than an hour goes: nobody waits for it.</summary>
    public async Task KeepAsync(string digest, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            with gone as (delete from canary_notice where told_at < clock_timestamp() - interval '1 hour')
            insert into canary_notice (digest) values ($1) on conflict (digest) do update set told_at = clock_timestamp()
            """);
        command.Parameters.Add(new() { Value = digest });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Whether the registry told of it: on a secondary by its note (or as a foreign write, where the registry does not say who wrote), on a primary by the log.</summary>
    public async Task<bool> CameAsync(string repository, string digest, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select exists (select from canary_notice where digest = $2) or exists (select from event where repository = $1 and digest = $2)
                or exists (select from divergent_write where repository = $1 and digest = $2)
            """);
        command.Parameters.Add(new() { Value = repository });
        command.Parameters.Add(new() { Value = digest });
        return (bool)(await command.ExecuteScalarAsync(cancel))!;
    }
}
