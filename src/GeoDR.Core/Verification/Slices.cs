using Npgsql;

namespace GeoDR.Verification;

/// <summary>How a slice stands.</summary>
/// <param name="Open">Rows that still wait for their check.</param>
/// <param name="Bytes">Read by the checks that ended.</param>
public sealed record SliceState(long Open, long Succeeded, long Failed, long Bytes)
{
    public long Rows => Open + Succeeded + Failed;
}

/// <summary>A part of all rows, the oldest first, marked by one run of a schedule: parts of that size cover everything within the plan's time.</summary>
public sealed class Slices(NpgsqlDataSource source)
{
    /// <summary>
    /// Marks what will be due before the next slice, and at least this slice's even share, so that what was checked in one night is not due
    /// in one night again. What an earlier slice left open goes on in this one.
    /// </summary>
    /// <param name="slice">The run's id.</param>
    /// <param name="every">Within that everything is covered.</param>
    /// <param name="period">Time from one slice to the next.</param>
    /// <returns>How many rows it has.</returns>
    public static async Task<long> MarkAsync(NpgsqlConnection connection, long slice, bool deep, TimeSpan every, TimeSpan period, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand($"""
            with carried as (
                update verification set slice_id = $1 where slice_open and slice_id <> $1 and case when state = 1 then doing = 2 else is_deep end = $2 returning 1),
            aged as (
                select repository_id, coalesce({(deep ? "deep_from" : "whole_at")}, '-infinity') as at from verification where state in (2, 3)),
            placed as (select *, row_number() over (order by at, repository_id) as place from aged),
            due as (select repository_id from placed where at < clock_timestamp() - ($3 - $4) or place <= floor((select count(*) from verification) * $5)),
            locked as (
                select v.repository_id from verification v join due using (repository_id) where v.state in (2, 3)
                order by v.repository_id for update of v skip locked),
            marked as (
                update verification v set state = 0, wish = greatest(v.wish, $6), retry_at = null, pending_since = clock_timestamp(), slice_id = $1, slice_open = true
                from locked where v.repository_id = locked.repository_id returning 1)
            select (select count(*) from carried) + (select count(*) from marked)
            """, connection);
        command.Parameters.Add(new() { Value = slice });
        command.Parameters.Add(new() { Value = deep });
        command.Parameters.Add(new() { Value = every });
        command.Parameters.Add(new() { Value = period });
        command.Parameters.Add(new() { Value = Math.Min(1, period / every) });
        command.Parameters.Add(new() { Value = (short)(deep ? CheckScope.Deep : CheckScope.Whole) });
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    public async Task<SliceState> ReadAsync(long slice, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select count(*) filter (where slice_open), count(*) filter (where not slice_open and failure is null),
                count(*) filter (where not slice_open and failure is not null), coalesce(sum(bytes) filter (where not slice_open), 0)::bigint
            from verification where slice_id = $1
            """);
        command.Parameters.Add(new() { Value = slice });
        await using var row = await command.ExecuteReaderAsync(cancel);
        await row.ReadAsync(cancel);
        return new(row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3));
    }
}
