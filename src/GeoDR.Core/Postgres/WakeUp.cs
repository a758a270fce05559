using Npgsql;

namespace GeoDR.Postgres;

/// <summary>
/// Waits until PostgreSQL says that there is something to do, or a time has passed. A notification is a hint and the time
/// is the truth: a lost hint costs latency, never correctness. On a hot standby, which has no LISTEN, only the time counts.
/// </summary>
public sealed class WakeUp(NpgsqlDataSource source, string channel, TimeProvider time) : IAsyncDisposable
{
    private NpgsqlConnection? _connection;
    private bool _pollingOnly;

    /// <summary>True once the server has refused LISTEN because it is a hot standby.</summary>
    public bool PollingOnly => _pollingOnly;

    /// <summary>A wait from now on misses nothing, or the time alone counts.</summary>
    public bool IsReady => _pollingOnly || _connection is not null;

    /// <summary>Opens the LISTEN connection, so that nothing sent from now on is missed by the next wait.</summary>
    public async Task PrepareAsync(CancellationToken cancel)
    {
        if (_pollingOnly || _connection is not null)
            return;
        var connection = await source.OpenConnectionAsync(cancel);
        try
        {
            await using var listen = new NpgsqlCommand($"listen {channel}", connection);
            await listen.ExecuteNonQueryAsync(cancel);
            _connection = connection;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.ObjectNotInPrerequisiteState)
        {
            _pollingOnly = true;
            await connection.DisposeAsync();
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Returns after a notification or after <paramref name="atMost"/>.</summary>
    public async Task WaitAsync(TimeSpan atMost, CancellationToken cancel)
    {
        if (atMost <= TimeSpan.Zero)
            return;
        if (_connection is null)
        {
            await Task.Delay(atMost, time, cancel);
            return;
        }
        // The wait is cancelled and awaited before anything disposes the connection, as Npgsql requires.
        using var limit = new CancellationTokenSource(atMost, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancel);
        try
        {
            await _connection.WaitAsync(both.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException)
        {
            // The server went away, now or while nobody waited: the next PrepareAsync reports it, or listens again.
            await DisposeConnectionAsync();
        }
    }

    public ValueTask DisposeAsync() => DisposeConnectionAsync();

    private async ValueTask DisposeConnectionAsync()
    {
        var connection = _connection;
        _connection = null;
        if (connection is not null)
            await connection.DisposeAsync();
    }
}
