using Npgsql;

namespace GeoDR.Retention;

/// <summary>
/// Removes what was kept long enough, in small steps: each is a short transaction of its own that waits for no lock, and after each the
/// pass rests as long as the step took. A pass that ends anywhere has lost nothing: the next one finds the rest.
/// </summary>
public sealed class RetentionPass(NpgsqlDataSource source, IReadOnlyList<RetentionRule> rules, TimeProvider time)
{
    // One node at a time.
    private const long LockKey = 0x67656F6472_10;

    private static readonly TimeSpan s_least = TimeSpan.FromMilliseconds(5);

    /// <summary>Goes on until every rule has nothing left; the rules take turns, so that none waits for another's backlog.</summary>
    /// <returns>What was removed, by table; empty where nothing was old enough, null where another node is at it.</returns>
    public async Task<IReadOnlyList<(string Table, long Removed)>?> RunAsync(CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        if (!await LockAsync(connection, cancel))
            return null;
        var removed = new Dictionary<string, long>(StringComparer.Ordinal);
        try
        {
            var open = rules.Select(rule => (Rule: rule, Position: (string?)null)).ToList();
            while (open.Count > 0)
            {
                var next = new List<(RetentionRule, string?)>();
                foreach (var (rule, position) in open)
                {
                    var began = time.GetTimestamp();
                    var step = await StepAsync(connection, rule, position, cancel);
                    removed[rule.Table] = removed.GetValueOrDefault(rule.Table) + step.Removed;
                    if (step.Next is not null)
                        next.Add((rule, step.Next));
                    if (step.Removed > 0)
                        await RestAsync(time.GetElapsedTime(began), cancel);
                }
                open = next;
            }
        }
        finally
        {
            await UnlockAsync(connection);
        }
        return [.. removed.Where(r => r.Value > 0).Select(r => (r.Key, r.Value))];
    }

    private static async Task<RetentionStep> StepAsync(NpgsqlConnection connection, RetentionRule rule, string? position, CancellationToken cancel)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        try
        {
            await using (var limits = new NpgsqlCommand("set local lock_timeout = '250ms'; set local statement_timeout = '20s'", connection))
                await limits.ExecuteNonQueryAsync(cancel);
            var step = await rule.StepAsync(connection, position, cancel);
            await transaction.CommitAsync(cancel);
            return step;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.QueryCanceled)
        {
            // Somebody needs the table more, or the machine has other work: at the next run.
            await transaction.RollbackAsync(cancel);
            return default;
        }
    }

    private Task RestAsync(TimeSpan took, CancellationToken cancel) => Task.Delay(took > s_least ? took : s_least, time, cancel);

    private static async Task<bool> LockAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand($"select pg_try_advisory_lock({LockKey})", connection);
        return (bool)(await command.ExecuteScalarAsync(cancel))!;
    }

    // A connection that broke has given the lock back already.
    private static async Task UnlockAsync(NpgsqlConnection connection)
    {
        if (connection.FullState.HasFlag(System.Data.ConnectionState.Broken) || connection.State != System.Data.ConnectionState.Open)
            return;
        await using var command = new NpgsqlCommand($"select pg_advisory_unlock({LockKey})", connection);
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }
}
