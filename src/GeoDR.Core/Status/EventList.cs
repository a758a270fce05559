using Npgsql;

namespace GeoDR.Status;

/// <summary>One geo event of this site's own log, for people.</summary>
public sealed record EventRow(
    long Id, string Kind, string Repository, string? Tag, string? Digest, string? MediaType, long? Bytes, string? Actor,
    DateTimeOffset? OccurredAt, DateTimeOffset ReceivedAt);

/// <summary>The log that this site writes, or wrote, as primary.</summary>
public sealed class EventList(NpgsqlDataSource source)
{
    private const string Columns = "id, kind, repository, tag, digest, media_type, bytes, actor, occurred_at, received_at";

    /// <summary>A page after an id, the oldest first.</summary>
    public Task<List<EventRow>> ListAsync(long after, int limit, CancellationToken cancel) =>
        ReadAsync($"select {Columns} from event where id > $1 order by id limit $2", after, limit, cancel);

    /// <summary>The newest first.</summary>
    public Task<List<EventRow>> NewestAsync(EventFilter filter, int limit, CancellationToken cancel)
    {
        // Each case by itself: one statement for all would be planned for none. The kind stands in it as one of those that there are, so that
        // the index of what is no push serves.
        var kind = EventFilter.Kinds.FirstOrDefault(k => k == filter.Kind);
        var sql = $"select {Columns} from event where id < $1{(filter.Repository is null ? "" : " and repository = $3")}{(kind is null ? "" : $" and kind = '{kind}'")} order by id desc limit $2";
        return ReadAsync(sql, filter.Before ?? long.MaxValue, limit, cancel, [.. new[] { filter.Repository }.OfType<string>()]);
    }

    private async Task<List<EventRow>> ReadAsync(string sql, long after, int limit, CancellationToken cancel, params string[] texts)
    {
        await using var command = source.CreateCommand(sql);
        command.Parameters.Add(new() { Value = after });
        command.Parameters.Add(new() { Value = limit });
        foreach (var text in texts)
            command.Parameters.Add(new() { Value = text });
        var events = new List<EventRow>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            events.Add(new(
                row.GetInt64(0), row.GetString(1), row.GetString(2), Text(row, 3), Text(row, 4), Text(row, 5), row.IsDBNull(6) ? null : row.GetInt64(6),
                Text(row, 7), row.IsDBNull(8) ? null : row.GetFieldValue<DateTimeOffset>(8), row.GetFieldValue<DateTimeOffset>(9)));
        return events;
    }

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
}
