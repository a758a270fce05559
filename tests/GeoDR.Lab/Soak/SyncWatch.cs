using Npgsql;

namespace GeoDR.Lab;

/// <summary>How a secondary stands, as its own database says.</summary>
/// <param name="Failed">Rows in the state failed.</param>
/// <param name="MostRetries">The highest count of attempts that any row has burnt.</param>
public sealed record SyncStanding(long Open, long Waiting, long Failed, long Terminal, int MostRetries, long Requests, long Outages, string? Failure)
{
    /// <summary>Nothing is to be done, nothing failed, nothing is out.</summary>
    public bool IsQuiet => Open + Waiting + Failed + Requests + Outages == 0;
}

/// <summary>Reads a secondary's tracking tables.</summary>
public sealed class SyncWatch(string connectionString) : IAsyncDisposable
{
    private readonly NpgsqlDataSource _source = NpgsqlDataSource.Create(connectionString + ";Timeout=5;Command Timeout=10");

    public async Task<SyncStanding> ReadAsync(CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand("""
            select (select count(*) from repository where state in (0, 1)), (select count(*) from waiting_reference),
                (select count(*) from repository where state = 3), (select count(*) from failure where kind = 'terminal'),
                (select coalesce(max(retry_count), 0) from repository), (select count(*) from request where status = 'running'),
                (select count(*) from outage), (select reference || ': ' || cause || ': ' || message from failure limit 1)
            """);
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        await row.ReadAsync(cancellationToken);
        return new(row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt32(4), row.GetInt64(5), row.GetInt64(6), row.IsDBNull(7) ? null : row.GetString(7));
    }

    /// <summary>Rows in the state synced.</summary>
    public async Task<long> SyncedAsync(CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand("select count(*) from repository where state = 2");
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Whether the secondary has read all that the primary has written.</summary>
    public async Task<long> CursorAsync(CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand("select coalesce(max(event_id), -1) from cursor");
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>The claims of a process: row and token.</summary>
    public async Task<IReadOnlyList<(long Row, long Token)>> ClaimsOfAsync(int process, CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand(
            "select r.id, r.claim_token from repository r join worker w on w.id = r.worker_id where r.state = 1 and w.node like '%/' || $1");
        command.Parameters.Add(new() { Value = $"{process}" });
        var claims = new List<(long, long)>();
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            claims.Add((row.GetInt64(0), row.GetInt64(1)));
        }

        return claims;
    }

    /// <summary>How many of these claims still stand.</summary>
    public async Task<long> StandingAsync(IReadOnlyList<(long Row, long Token)> claims, CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand(
            "select count(*) from repository r join unnest($1, $2) as c(id, token) on c.id = r.id and c.token = r.claim_token where r.state = 1");
        command.Parameters.Add(new() { Value = claims.Select(c => c.Row).ToArray() });
        command.Parameters.Add(new() { Value = claims.Select(c => c.Token).ToArray() });
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    public ValueTask DisposeAsync() => _source.DisposeAsync();
}
