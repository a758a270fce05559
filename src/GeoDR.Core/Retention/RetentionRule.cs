using GeoDR.EventLog;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Retention;

/// <summary>What one step came to.</summary>
/// <param name="Next">Where the next step goes on; null when this was the last.</param>
public readonly record struct RetentionStep(long Removed, string? Next);

/// <summary>How long the rows of one table are kept. A step removes a few of them, in the caller's short transaction.</summary>
public abstract record RetentionRule(string Table)
{
    /// <summary>Rows that one step removes at most.</summary>
    public int StepRows { get; init; } = 2000;

    /// <param name="position">The <see cref="RetentionStep.Next"/> of the step before; null at the first.</param>
    public abstract Task<RetentionStep> StepAsync(NpgsqlConnection connection, string? position, CancellationToken cancel);

    /// <summary>
    /// Rows whose time is longer ago than <paramref name="keep"/>, the oldest first. A step goes on at the time that the last one reached,
    /// so that it never walks again over what is gone; a row that somebody holds is left for the next run.
    /// </summary>
    /// <param name="column">The row's time; an index on it serves the steps.</param>
    /// <param name="condition">What must hold besides, beginning with "and".</param>
    public static RetentionRule ByTime(string table, string column, TimeSpan keep, string condition = "") => new SqlRule(table, $"""
        with doomed as (
            select ctid as place, {column} as at from {table}
            where {column} < now() - $1 and {column} >= coalesce($2::timestamptz, '-infinity') {condition}
            order by {column} limit $3 for update skip locked),
        gone as (delete from {table} where ctid = any (array(select place from doomed)) returning 1)
        select (select count(*) from gone), case when (select count(*) from doomed) = $3 then (select max(at)::text from doomed) end
        """, keep);
}

/// <summary>A rule that is one statement: $1 is what is kept, $2 the position, $3 the most rows; it answers how many went, and the next position.</summary>
internal sealed record SqlRule(string Table, string Sql, object Keep) : RetentionRule(Table)
{
    public override async Task<RetentionStep> StepAsync(NpgsqlConnection connection, string? position, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(Sql, connection);
        command.Parameters.Add(new() { Value = Keep });
        command.Parameters.Add(new() { Value = (object?)position ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = (long)StepRows });
        await using var row = await command.ExecuteReaderAsync(cancel);
        await row.ReadAsync(cancel);
        return new(row.GetInt64(0), row.IsDBNull(1) ? null : row.GetString(1));
    }
}

/// <summary>The event log, which is kept for its readers.</summary>
internal sealed record LogRule(LogPruner Pruner) : RetentionRule("event")
{
    public override async Task<RetentionStep> StepAsync(NpgsqlConnection connection, string? position, CancellationToken cancel)
    {
        var below = position is null ? await Pruner.BoundAsync(connection, cancel) : long.Parse(position, System.Globalization.CultureInfo.InvariantCulture);
        var removed = await LogPruner.StepAsync(connection, below, StepRows, cancel);
        return new(removed, removed == StepRows ? below.ToString(System.Globalization.CultureInfo.InvariantCulture) : null);
    }
}
