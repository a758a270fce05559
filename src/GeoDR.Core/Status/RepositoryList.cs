using GeoDR.SyncState;
using GeoDR.Verification;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Status;

/// <summary>One repository as it is shown.</summary>
public sealed record RepositoryRow(
    long Id, string Name, string State, int StateNumber, int RetryCount, DateTimeOffset? RetryAt,
    string? LastSyncFailure, string? FailedReference, string? FailureCause, DateTimeOffset? LastSyncedAt, DateTimeOffset? PendingSince,
    long MissingTags, long BytesWaiting, long DeletionsWaiting, bool WantsFull, RowProgress? Progress)
{
    /// <summary>Null before the first sync.</summary>
    public RowVerification? Verification { get; init; }

    /// <summary>An operator holds its sync.</summary>
    public bool Paused { get; init; }
}

/// <summary>What was checked of a repository at the own registry.</summary>
/// <param name="State">pending, started, succeeded or failed.</param>
/// <param name="Kind">shallow or deep, of the last check; null before it.</param>
/// <param name="DeepAt">When the bytes were read last.</param>
/// <param name="Damaged">Tags, manifests and blobs found bad and not well since.</param>
public sealed record RowVerification(
    string State, int StateNumber, string? Kind, DateTimeOffset? CheckedAt, DateTimeOffset? DeepAt, string? Failure, long Damaged,
    long Tags, long Manifests, long Blobs, long Bytes, long Requests);

/// <summary>How far a started row has come.</summary>
/// <param name="BytesToDo">Of what was found missing so far.</param>
/// <param name="SecondsLeft">Of what was found so far, at this rate; null while nothing moves.</param>
public sealed record RowProgress(long BytesDone, long BytesToDo, double BytesPerSecond, double? SecondsLeft);

/// <summary>The repositories, filtered and paged by the last row's id.</summary>
public sealed class RepositoryList(NpgsqlDataSource source)
{
    private const string Select = """
        select r.id, r.name, r.state, r.retry_count, case when r.retry_at < 'infinity' then r.retry_at end,
            f.message, f.reference, f.cause, r.last_synced_at, r.pending_since,
            (select count(*) from waiting_reference w where w.repository_id = r.id),
            (select least(coalesce(sum(w.bytes), 0), 9223372036854775807)::bigint from waiting_reference w where w.repository_id = r.id),
            (select count(*) from waiting_deletion d where d.repository_id = r.id),
            r.full_wanted > r.full_done, p.bytes_done, p.bytes_to_do, p.rate,
            v.state, v.kind, v.checked_at, v.deep_at, v.failure,
            (select count(*) from damage d where d.repository_id = r.id and d.healed_at is null),
            v.tags, v.manifests, v.blobs, v.bytes, v.requests, r.paused
        from repository r
        left join verification v on v.repository_id = r.id
        left join progress p on p.repository_id = r.id and p.claim_token = r.claim_token and r.state = 1
        left join lateral (
            select message, reference, cause from failure where repository_id = r.id order by failed_at desc limit 1) f on true
        """;

    private const string Matches = "($1::smallint is null or r.state = $1) and ($2::text is null or r.name like '%' || $2 || '%')";

    /// <summary>A page of rows in order of name, and how many match in all.</summary>
    /// <param name="after">The last name of the page before.</param>
    public async Task<IReadOnlyList<RepositoryRow>> ListAsync(
        RepositoryState? state, string? search, string? after, int skip, int limit, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"{Select} where {Matches} and r.name > $3 order by r.name limit $4 offset $5");
        AddFilter(command, state, search);
        command.Parameters.Add(new() { Value = after ?? "" });
        command.Parameters.Add(new() { Value = limit });
        command.Parameters.Add(new() { Value = skip });
        return await ReadAsync(command, cancel);
    }

    public async Task<long> CountAsync(RepositoryState? state, string? search, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select count(*) from repository r where {Matches}");
        AddFilter(command, state, search);
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    public async Task<RepositoryRow?> FindAsync(string name, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"{Select} where r.name = $1");
        command.Parameters.Add(new() { Value = name });
        return (await ReadAsync(command, cancel)).SingleOrDefault();
    }

    public async Task<RepositoryRow?> GetAsync(long id, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"{Select} where r.id = $1");
        command.Parameters.Add(new() { Value = id });
        return (await ReadAsync(command, cancel)).SingleOrDefault();
    }

    // A name is searched for as it is written: the wildcards of LIKE mean themselves.
    private static void AddFilter(NpgsqlCommand command, RepositoryState? state, string? search)
    {
        var escaped = search?.Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("%", "\\%", StringComparison.Ordinal).Replace("_", "\\_", StringComparison.Ordinal).Replace("\0", "", StringComparison.Ordinal);
        command.Parameters.Add(new() { Value = state is { } s ? (short)s : DBNull.Value, NpgsqlDbType = NpgsqlDbType.Smallint });
        command.Parameters.Add(new() { Value = string.IsNullOrEmpty(escaped) ? DBNull.Value : escaped, NpgsqlDbType = NpgsqlDbType.Text });
    }

    private static async Task<IReadOnlyList<RepositoryRow>> ReadAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        var rows = new List<RepositoryRow>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            var state = (RepositoryState)reader.GetInt16(2);
            rows.Add(new(
                reader.GetInt64(0), reader.GetString(1), state.ToString().ToLowerInvariant(), (int)state, reader.GetInt32(3), Time(reader, 4),
                Text(reader, 5), Text(reader, 6), Text(reader, 7), Time(reader, 8), Time(reader, 9),
                reader.GetInt64(10), reader.GetInt64(11), reader.GetInt64(12), reader.GetBoolean(13), Progress(reader))
            { Verification = Verification(reader), Paused = reader.GetBoolean(28) });
        }
        return rows;
    }

    private static RowProgress? Progress(NpgsqlDataReader row)
    {
        if (row.IsDBNull(14))
            return null;
        var (done, toDo, rate) = (row.GetInt64(14), row.GetInt64(15), row.GetDouble(16));
        return new(done, toDo, rate, rate > 0 ? Math.Max(0, toDo - done) / rate : null);
    }

    private static RowVerification? Verification(NpgsqlDataReader row)
    {
        if (row.IsDBNull(17))
            return null;
        var state = (VerificationState)row.GetInt16(17);
        return new(
            state.ToString().ToLowerInvariant(), (int)state, Text(row, 18), Time(row, 19), Time(row, 20), Text(row, 21), row.GetInt64(22),
            row.GetInt64(23), row.GetInt64(24), row.GetInt64(25), row.GetInt64(26), row.GetInt64(27));
    }

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static DateTimeOffset? Time(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetFieldValue<DateTimeOffset>(column);
}
