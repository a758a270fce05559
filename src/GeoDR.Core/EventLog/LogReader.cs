using GeoDR.Postgres;
using Npgsql;

namespace GeoDR.EventLog;

/// <summary>Reads a log through its versioned view, from its database or a hot standby of it.</summary>
/// <param name="ownsSource">The pool ends with the reader.</param>
public sealed class LogReader(NpgsqlDataSource source, TimeProvider? time = null, bool ownsSource = false) : ILogReader, IAsyncDisposable
{
    /// <summary>The version of the view, and of what is told of it over HTTPS, that this program reads.</summary>
    public const int KnownVersion = 1;

    // A hot standby has no LISTEN: what the time is there, is the latency.
    private static readonly TimeSpan s_poll = TimeSpan.FromMilliseconds(250);

    // Beyond this a sender's clock is wrong.
    private static readonly TimeSpan s_latest = TimeSpan.FromDays(1);

    private const string Columns = """
        version, log_id, id, key, kind, repository, tag, digest, media_type, bytes,
        extract(epoch from clock_timestamp() - received_at)::double precision, floor, head,
        extract(epoch from received_at - occurred_at)::double precision
        """;

    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private readonly WakeUp _wakeUp = new(source, LogAppender.Channel, time ?? TimeProvider.System);

    /// <inheritdoc/>
    public async Task<LogPage?> ReadAsync(long fromId, int limit, TimeSpan wait, CancellationToken cancel)
    {
        var asked = _time.GetTimestamp();
        await WaitAsync(wait, cancel);
        var waited = _time.GetElapsedTime(asked);
        await using var command = source.CreateCommand($"""
            select {Columns} from geo_log_v1 where id = 0
            union all
            (select {Columns} from geo_log_v1 where id >= greatest($1, 1) order by id limit $2)
            """);
        command.Parameters.Add(new() { Value = fromId });
        command.Parameters.Add(new() { Value = limit });
        LogState? log = null;
        var events = new List<LoggedEvent>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            RequireVersion(reader.GetInt32(0));
            if (reader.GetInt64(2) == 0)
                log = ReadLog(reader);
            else
                events.Add(ReadEvent(reader));
        }
        return log is null ? null : new LogPage(log, events) { Waited = waited };
    }

    /// <summary>The newest event older than <paramref name="age"/>, or the log's beginning: of one that a promotion opened, that event.</summary>
    public Task<LogPosition?> PositionBeforeAsync(TimeSpan age, CancellationToken cancel) =>
        PositionAsync("""
            select l.log_id, coalesce(e.id, first.id, 0), coalesce(e.key, first.key, 0)
            from geo_log_v1 l
            left join lateral (
                select id, key from geo_log_v1 where id >= greatest(1, l.floor) and received_at < clock_timestamp() - $1 order by id desc limit 1) e on true
            left join lateral (select id, key from geo_log_v1 where id = l.floor and id > 0) first on true
            where l.id = 0
            """, age, cancel);

    /// <inheritdoc/>
    public Task<LogPosition?> HeadAsync(CancellationToken cancel) => PositionBeforeAsync(TimeSpan.FromDays(-1), cancel);

    public async ValueTask DisposeAsync()
    {
        await _wakeUp.DisposeAsync();
        if (ownsSource)
            await source.DisposeAsync();
    }

    private async Task WaitAsync(TimeSpan wait, CancellationToken cancel)
    {
        if (wait <= TimeSpan.Zero)
            return;
        if (_wakeUp.IsReady)
            await _wakeUp.WaitAsync(_wakeUp.PollingOnly && wait > s_poll ? s_poll : wait, cancel);
        // After a LISTEN that has only now begun nothing is waited for: what came before it is read at once.
        else
            await _wakeUp.PrepareAsync(cancel);
    }

    private async Task<LogPosition?> PositionAsync(string sql, TimeSpan age, CancellationToken cancel)
    {
        await using var command = source.CreateCommand(sql);
        command.Parameters.Add(new() { Value = age });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel)
            ? new LogPosition(reader.GetGuid(0), reader.GetInt64(1), reader.GetInt64(2))
            : null;
    }

    private static void RequireVersion(int version)
    {
        if (version != KnownVersion)
            throw new UnknownLogVersionException(version, KnownVersion);
    }

    private static LogState ReadLog(NpgsqlDataReader row) =>
        new(row.GetGuid(1), row.GetInt64(11), row.GetInt64(12), Seconds(row));

    private static LoggedEvent ReadEvent(NpgsqlDataReader row) => new(
        row.GetInt64(2), row.GetInt64(3), row.GetString(4), row.GetString(5), Text(row, 6), Text(row, 7), Text(row, 8),
        row.IsDBNull(9) ? null : row.GetInt64(9), Seconds(row))
    { Late = row.IsDBNull(13) ? null : TimeSpan.FromSeconds(Math.Clamp(row.GetDouble(13), 0, s_latest.TotalSeconds)) };

    private static TimeSpan Seconds(NpgsqlDataReader row) => TimeSpan.FromSeconds(Math.Max(0, row.GetDouble(10)));

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
}
