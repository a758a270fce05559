using Npgsql;

namespace GeoDR.Status;

/// <summary>One piece of work on a repository, as it ended.</summary>
public sealed record Attempt(
    long Id, string Node, DateTimeOffset StartedAt, DateTimeOffset EndedAt, double Seconds, long Bytes, long Requests, string Outcome, string? Message);

/// <summary>A repository's attempts, the newest first.</summary>
public sealed class AttemptList(NpgsqlDataSource source)
{
    public async Task<IReadOnlyList<Attempt>> ListAsync(long repositoryId, int limit, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select id, node, started_at, ended_at, extract(epoch from ended_at - started_at)::double precision, bytes, requests, outcome, message
            from attempt where repository_id = $1 order by id desc limit $2
            """);
        command.Parameters.Add(new() { Value = repositoryId });
        command.Parameters.Add(new() { Value = limit });
        var attempts = new List<Attempt>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            attempts.Add(new(
                row.GetInt64(0), row.GetString(1), row.GetFieldValue<DateTimeOffset>(2), row.GetFieldValue<DateTimeOffset>(3), row.GetDouble(4),
                row.GetInt64(5), row.GetInt64(6), row.GetString(7), row.IsDBNull(8) ? null : row.GetString(8)));
        return attempts;
    }
}
