using Npgsql;

namespace GeoDR.SyncState;

/// <summary>
/// The lease of one worker process: one row, renewed every third of the lease. How long it still lasts is measured on the
/// monotonic clock from before the renewal was sent, so it never outlasts what the database believes.
/// </summary>
/// <param name="follows">The primary that this process was composed for, as the site's row names it: where that changed, there is no lease.</param>
public sealed class WorkerLease(NpgsqlDataSource source, string node, int slots, TimeSpan lease, TimeProvider time, string? follows = null)
{
    private readonly Lock _gate = new();
    private Guid _id;
    private long _validUntil;
    private CancellationTokenSource _lost = new();

    /// <summary>Its length: 2 s at least.</summary>
    public TimeSpan Length => lease;

    /// <summary>The worker's id and a token that is cancelled when this lease is lost.</summary>
    public (Guid Id, CancellationToken Lost) Current
    {
        get { lock (_gate) return (_id, _lost.Token); }
    }

    /// <summary>What is left of the lease with this id; zero once it is lost or another took its place.</summary>
    public TimeSpan Left(Guid id)
    {
        lock (_gate)
        {
            if (id != _id)
                return TimeSpan.Zero;
            var left = TimeSpan.FromSeconds((_validUntil - time.GetTimestamp()) / (double)time.TimestampFrequency);
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }
    }

    /// <summary>
    /// Renews the lease, or registers anew when there is none or it has ended. A lost lease is never revived: its claims
    /// may be in other hands. A site that is no secondary any more renews none.
    /// </summary>
    public async Task RenewAsync(CancellationToken cancel)
    {
        var (id, _) = Current;
        if (id != Guid.Empty && Left(id) > TimeSpan.Zero)
        {
            var sent = time.GetTimestamp();
            if (await ExecuteAsync("""
                update worker set lease_until = clock_timestamp() + $2
                where id = $1 and lease_until > clock_timestamp() and exists (select from site where role = 'secondary' and follows is not distinct from $3)
                """, id, cancel))
            {
                Extend(id, sent);
                return;
            }
        }
        Lose(id);
        await RegisterAsync(id, cancel);
    }

    /// <summary>Cancels the work of a lease that has run out without a renewal.</summary>
    public void CheckExpired()
    {
        var (id, _) = Current;
        if (Left(id) == TimeSpan.Zero)
            Lose(id);
    }

    /// <summary>How many workers hold a lease, this one among them.</summary>
    public async Task<int> CountLivingAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select count(*)::int from worker where lease_until > clock_timestamp()");
        return (int)(await command.ExecuteScalarAsync(cancel))!;
    }

    /// <summary>Ends the lease in order, so that whatever is still claimed is free at once.</summary>
    public async Task ReleaseAsync(CancellationToken cancel)
    {
        var (id, _) = Current;
        await using var command = source.CreateCommand("delete from worker where id = $1");
        command.Parameters.Add(new() { Value = id });
        await command.ExecuteNonQueryAsync(cancel);
    }

    private async Task RegisterAsync(Guid ended, CancellationToken cancel)
    {
        var id = Guid.NewGuid();
        var sent = time.GetTimestamp();
        await using var command = source.CreateCommand("""
            with old as (delete from worker where id = $5 or lease_until < clock_timestamp() - interval '1 hour')
            insert into worker (id, node, slots, lease_until) select $1, $2, $3, clock_timestamp() + $4
            where not exists (select from site where role <> 'secondary' or follows is distinct from $6)
            """);
        command.Parameters.Add(new() { Value = id });
        command.Parameters.Add(new() { Value = node });
        command.Parameters.Add(new() { Value = slots });
        command.Parameters.Add(new() { Value = lease });
        command.Parameters.Add(new() { Value = ended });
        command.Parameters.Add(Follows());
        if (await command.ExecuteNonQueryAsync(cancel) == 0)
            return;
        lock (_gate)
        {
            _id = id;
            _lost = new CancellationTokenSource();
            _validUntil = sent + (long)(lease.TotalSeconds * time.TimestampFrequency);
        }
    }

    private async Task<bool> ExecuteAsync(string sql, Guid id, CancellationToken cancel)
    {
        await using var command = source.CreateCommand(sql);
        command.Parameters.Add(new() { Value = id });
        command.Parameters.Add(new() { Value = lease });
        command.Parameters.Add(Follows());
        return await command.ExecuteNonQueryAsync(cancel) == 1;
    }

    private NpgsqlParameter Follows() => new() { Value = (object?)follows ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text };

    private void Extend(Guid id, long sent)
    {
        lock (_gate)
        {
            if (id == _id)
                _validUntil = sent + (long)(lease.TotalSeconds * time.TimestampFrequency);
        }
    }

    private void Lose(Guid id)
    {
        CancellationTokenSource lost;
        lock (_gate)
        {
            if (id != _id || id == Guid.Empty)
                return;
            _id = Guid.Empty;
            _validUntil = 0;
            lost = _lost;
        }
        lost.Cancel();
    }
}
