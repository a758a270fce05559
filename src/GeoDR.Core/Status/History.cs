using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Status;

/// <summary>How this site was in a span of time. Null is what this site's role does not have, or nobody could say.</summary>
/// <param name="At">Where the span begins.</param>
/// <param name="LagEvents">(secondary) Events known and not yet taken in: the most of the span.</param>
/// <param name="LagSeconds">(secondary) Age of the oldest of them: the most of the span.</param>
/// <param name="Backlog">(secondary) Repositories pending or started: the most of the span.</param>
/// <param name="Failed">(secondary) Repositories that failed: the most of the span.</param>
/// <param name="Events">Events written to this site's log, or taken in from its primary's, in the span.</param>
/// <param name="Synced">(secondary) Pieces of work that ended well in the span.</param>
/// <param name="Bytes">(secondary) Copied by the pieces of work that ended in the span.</param>
public sealed record Sample(
    DateTimeOffset At, long? LagEvents, double? LagSeconds, long? Backlog, long? Failed, long? Events, long? Synced, long? Bytes);

/// <summary>A part of the history.</summary>
/// <param name="Range">hour, day or week.</param>
/// <param name="StepSeconds">What each sample stands for.</param>
public sealed record Chart(string Range, int StepSeconds, DateTimeOffset From, DateTimeOffset To, IReadOnlyList<Sample> Samples);

/// <summary>The site's history for its charts, kept in PostgreSQL: steps of 15 s for an hour, 5 min for a day, 30 min for a week.</summary>
public sealed class History(NpgsqlDataSource source)
{
    /// <summary>How often a sample is taken.</summary>
    public static readonly TimeSpan Step = TimeSpan.FromSeconds(15);

    private static readonly (string Range, int Step, TimeSpan Span)[] s_ranges =
        [("hour", 15, TimeSpan.FromHours(1)), ("day", 300, TimeSpan.FromDays(1)), ("week", 1800, TimeSpan.FromDays(7))];

    public static IReadOnlyList<string> Ranges { get; } = [.. s_ranges.Select(r => r.Range)];

    /// <summary>Null for a range that is none.</summary>
    public async Task<Chart?> ReadAsync(string range, DateTimeOffset now, CancellationToken cancel)
    {
        if (s_ranges.FirstOrDefault(r => r.Range == range) is not { Range: not null } wanted)
            return null;
        await using var command = source.CreateCommand(
            "select at, lag_events, lag_seconds, backlog, failed, events, synced, bytes from sample where seconds = $1 and at > $2 order by at");
        command.Parameters.Add(new() { Value = wanted.Step });
        command.Parameters.Add(new() { Value = now.ToUniversalTime() - wanted.Span });
        var samples = new List<Sample>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            samples.Add(new(
                row.GetFieldValue<DateTimeOffset>(0), Long(row, 1), row.IsDBNull(2) ? null : row.GetDouble(2), Long(row, 3), Long(row, 4), Long(row, 5), Long(row, 6), Long(row, 7)));
        return new(range, wanted.Step, now - wanted.Span, now, samples);
    }

    /// <summary>Writes the sample of the step that has just ended, where no other node of the site did, and what larger steps have ended with it.</summary>
    /// <returns>False where another did.</returns>
    public async Task<bool> TakeAsync(SiteStatus status, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        // What came in is counted by the span between two positions in one log: a log that began anew has none yet.
        await using (var take = new NpgsqlCommand("""
            with step as (select date_bin('15 seconds', now(), 'epoch') - interval '15 seconds' as at),
            span as (select at, at + interval '15 seconds' as until from step),
            done as (
                select count(*) filter (where outcome = 'synced') as synced, coalesce(sum(bytes), 0)::bigint as bytes
                from attempt, span where ended_at >= span.at and ended_at < span.until)
            insert into sample (seconds, at, lag_events, lag_seconds, backlog, failed, events, synced, bytes)
            select 15, span.at, $1, $2, $3, $4,
                case when $5 then (select count(*) from event where received_at >= span.at and received_at < span.until)
                    else $6::bigint - (select position from sample_position where log_id = $7 and position <= $6) end,
                case when $5 then null else done.synced end, case when $5 then null else done.bytes end
            from span, done on conflict do nothing
            """, connection))
        {
            var secondary = status.Cursor is not null;
            take.Parameters.Add(Number(status.Cursor?.LagEvents));
            take.Parameters.Add(new() { Value = (object?)status.Cursor?.LagSeconds ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Double });
            take.Parameters.Add(Number(secondary ? status.Counts.Pending + status.Counts.Started : null));
            take.Parameters.Add(Number(secondary ? status.Counts.Failed : null));
            take.Parameters.Add(new() { Value = status.Log is not null });
            take.Parameters.Add(Number(status.Cursor?.EventId));
            take.Parameters.Add(new() { Value = (object?)status.Cursor?.LogId ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Uuid });
            if (await take.ExecuteNonQueryAsync(cancel) == 0)
                return false;
        }
        await using (var batch = new NpgsqlBatch(connection))
        {
            batch.BatchCommands.Add(new("delete from sample_position"));
            batch.BatchCommands.Add(new("insert into sample_position (log_id, position) select $1, $2 where $1 is not null")
            {
                Parameters = { new() { Value = (object?)status.Cursor?.LogId ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Uuid }, Number(status.Cursor?.EventId) },
            });
            foreach (var (small, large) in s_ranges.Zip(s_ranges.Skip(1)))
                batch.BatchCommands.Add(Gather(small.Step, large.Step));
            foreach (var (_, step, span) in s_ranges)
                batch.BatchCommands.Add(new("delete from sample where seconds = $1 and at < now() - $2")
                {
                    // A larger step is gathered from whole smaller ones.
                    Parameters = { new() { Value = step }, new() { Value = span + TimeSpan.FromHours(1) } },
                });
            await batch.ExecuteNonQueryAsync(cancel);
        }
        await transaction.CommitAsync(cancel);
        return true;
    }

    /// <summary>The larger steps that have ended and are not written yet, out of the smaller ones.</summary>
    private static NpgsqlBatchCommand Gather(int small, int large) => new("""
        insert into sample (seconds, at, lag_events, lag_seconds, backlog, failed, events, synced, bytes)
        select $2, date_bin(make_interval(secs => $2), at, 'epoch') as bin,
            max(lag_events), max(lag_seconds), max(backlog), max(failed), sum(events)::bigint, sum(synced)::bigint, sum(bytes)::bigint
        from sample
        where seconds = $1 and at < date_bin(make_interval(secs => $2), now(), 'epoch')
            and at >= coalesce((select max(at) + make_interval(secs => $2) from sample where seconds = $2), '-infinity')
        group by bin on conflict do nothing
        """)
    { Parameters = { new() { Value = small }, new() { Value = large } } };

    private static NpgsqlParameter Number(long? value) => new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint };

    private static long? Long(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetInt64(column);
}
