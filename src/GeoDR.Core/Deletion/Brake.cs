using GeoDR.Audit;
using Npgsql;

namespace GeoDR.Deletion;

/// <summary>
/// Lets confirmed deletions through, or stops them all: when those of the last hour, those on their way and those that a complete
/// listing lacks by now are more than the limit, an operator is asked. What an operator released does not count and is not stopped.
/// </summary>
public sealed class Brake(NpgsqlDataSource source)
{
    // One decision at a time, over all nodes: two of them must not each let a whole limit through.
    private const long LockKey = 0x67656F6472_06;

    /// <summary>Tags and manifests are counted apart, each against its own total.</summary>
    private sealed record Counts(long Tags, long TagsHeld, long Manifests, long ManifestsHeld, bool Engaged, bool Waiting);

    /// <summary>True when it stops something now that it did not stop before.</summary>
    public async Task<bool> RunOnceAsync(BrakeLimit limit, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var any = new NpgsqlCommand("select exists (select from waiting_deletion where state = 'confirmed')", connection);
        if (!(bool)(await any.ExecuteScalarAsync(cancel))!)
            return false;
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using (var one = new NpgsqlCommand($"select pg_advisory_xact_lock({LockKey})", connection, transaction))
            await one.ExecuteNonQueryAsync(cancel);
        var counts = await CountAsync(connection, transaction, cancel);
        var (tags, manifests) = (limit.For(counts.TagsHeld), limit.For(counts.ManifestsHeld));
        var stops = counts.Waiting && (counts.Engaged || counts.Tags > tags || counts.Manifests > manifests);
        await using var batch = new NpgsqlBatch(connection, transaction);
        if (stops)
        {
            var reason = counts.Engaged ? "the brake holds others, and with them this"
                : counts.Tags > tags ? $"{counts.Tags} tags of {counts.TagsHeld} would go within an hour, the brake allows {tags} ({limit})"
                : $"{counts.Manifests} manifests of {counts.ManifestsHeld} would go within an hour, the brake allows {manifests} ({limit})";
            batch.BatchCommands.Add(new("""
                update waiting_deletion set state = 'held', hold = 'brake', reason = $1, next_at = 'infinity'
                where state in ('confirmed', 'approved') and released_by is null
                """)
            { Parameters = { new() { Value = reason } } });
            if (!counts.Engaged)
                batch.BatchCommands.Add(new("insert into audit (who, what, detail) values ($1, $2, $3)")
                { Parameters = { new() { Value = AuditWords.Program }, new() { Value = AuditWords.Braked }, new() { Value = reason } } });
        }
        batch.BatchCommands.Add(new("update waiting_deletion set state = 'approved', next_at = clock_timestamp() where state = 'confirmed'"));
        await batch.ExecuteNonQueryAsync(cancel);
        await transaction.CommitAsync(cancel);
        return stops && !counts.Engaged;
    }

    private static async Task<Counts> CountAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand($"""
            with gone as (
                select strpos(reference, ':') = 0 as is_tag from audit
                where at > clock_timestamp() - interval '1 hour' and what = '{AuditWords.Deleted}' and who = '{AuditWords.Program}'),
            coming as (
                select strpos(reference, ':') = 0 as is_tag, state from waiting_deletion
                where released_by is null and (state in ('confirmed', 'approved')
                    or state = 'quarantined' and missed_at is not null and until <= clock_timestamp()))
            select
                (select count(*) from gone where is_tag) + (select count(*) from coming where is_tag),
                (select count(*) from gone where is_tag) + (select count(*) from tag),
                (select count(*) from gone where not is_tag) + (select count(*) from coming where not is_tag),
                (select count(*) from gone where not is_tag) + (select count(*) from manifest),
                exists (select from waiting_deletion where hold = 'brake'),
                exists (select from coming where state = 'confirmed')
            """, connection, transaction);
        await using var row = await command.ExecuteReaderAsync(cancel);
        await row.ReadAsync(cancel);
        return new(row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetBoolean(4), row.GetBoolean(5));
    }
}
