using GeoDR.SyncState;
using Npgsql;

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

/// <summary>A part of the list, in its order.</summary>
/// <param name="Previous">Where the part before ends; null where this is the beginning.</param>
/// <param name="Next">Where the part behind begins; null where this is the end.</param>
public sealed record RepositorySlice(IReadOnlyList<RepositoryRow> Rows, RepositoryCursor? Previous, RepositoryCursor? Next);

/// <summary>How much a filter means.</summary>
/// <param name="Bytes">About what its images hold at this site, layers that they share counted with each; from a sample where there are many rows.</param>
/// <param name="BytesWaiting">Of references that wait, where these are known.</param>
public sealed record RepositoryTotals(long Rows, long Bytes, long BytesWaiting);

/// <summary>The repositories, filtered, in an order that an index serves, and paged by a row's place in it: the last page costs what the first does.</summary>
public sealed class RepositoryList(NpgsqlDataSource source)
{
    private const int Sample = 2000;

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

    /// <summary>The rows behind a place in the list, or before it.</summary>
    /// <param name="from">Null for the beginning; backwards, for the end.</param>
    public async Task<RepositorySlice> ListAsync(
        RowFilter filter, RepositoryOrder order, RepositoryCursor? from, bool backwards, int limit, CancellationToken cancel)
    {
        var places = await PlacesAsync(filter, order, from, backwards, limit + 1, cancel);
        var more = places.Count > limit;
        if (more)
            places.RemoveAt(limit);
        if (backwards)
            places.Reverse();
        await using var command = source.CreateCommand($"{Select} where r.id = any ($1)");
        command.Parameters.Add(new() { Value = places.Select(p => p.Id).ToArray() });
        var rows = (await ReadAsync(command, cancel)).ToDictionary(r => r.Id);
        return new(
            [.. places.Where(p => rows.ContainsKey(p.Id)).Select(p => rows[p.Id])],
            places.Count > 0 && (backwards ? more : from is not null) ? places[0] : null,
            places.Count > 0 && (backwards ? from is not null : more) ? places[^1] : null);
    }

    /// <summary>How many rows match, counted up to a number.</summary>
    public async Task<long> CountAsync(RowFilter filter, long most, CancellationToken cancel)
    {
        await using var command = source.CreateCommand();
        command.CommandText = $"select count(*) from (select from repository r where {filter.Sql(command.Parameters)} limit {most}) r";
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    /// <summary>How many rows match, and about how much they are.</summary>
    public async Task<RepositoryTotals> TotalsAsync(RowFilter filter, CancellationToken cancel)
    {
        var rows = await CountAsync(filter, long.MaxValue, cancel);
        var each = Math.Max(1, rows / Sample);
        await using var command = source.CreateCommand();
        command.CommandText = $"""
            select (select least({each} * coalesce(sum(m.bytes), 0), 9223372036854775807)::bigint from repository r
                    join tag t on t.repository = r.name join manifest m on m.repository = t.repository and m.digest = t.digest
                    where r.id % {each} = 0 and {filter.Sql(command.Parameters)}),
                (select least(coalesce(sum(w.bytes), 0), 9223372036854775807)::bigint from repository r
                    join waiting_reference w on w.repository_id = r.id where {filter.Sql(command.Parameters)})
            """;
        await using var row = await command.ExecuteReaderAsync(cancel);
        await row.ReadAsync(cancel);
        return new(rows, row.GetInt64(0), row.GetInt64(1));
    }

    /// <summary>The causes of the failures that there are, in order; one look into the index for each.</summary>
    public async Task<IReadOnlyList<string>> CausesAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            with recursive one as (
                select min(cause) as cause from failure
                union all
                select (select min(f.cause) from failure f where f.cause > one.cause) from one where one.cause is not null)
            select cause from one where cause is not null
            """);
        var causes = new List<string>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            causes.Add(row.GetString(0));
        return causes;
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

    // Backwards everything is turned round: the stretches, and the order within each.
    private async Task<List<RepositoryCursor>> PlacesAsync(
        RowFilter filter, RepositoryOrder order, RepositoryCursor? from, bool backwards, int limit, CancellationToken cancel)
    {
        var places = new List<RepositoryCursor>();
        var reached = from is null;
        foreach (var stretch in backwards ? order.Stretches.Reverse() : order.Stretches)
        {
            var begins = !reached && (stretch.Key is null) == (from!.Key is null);
            reached |= begins;
            if (reached && places.Count < limit)
                await PlacesAsync(places, filter, order, stretch, begins ? from : null, order.Descending == backwards, limit, cancel);
        }
        return places;
    }

    private async Task PlacesAsync(
        List<RepositoryCursor> places, RowFilter filter, RepositoryOrder order, Stretch stretch, RepositoryCursor? from, bool up, int limit, CancellationToken cancel)
    {
        await using var command = source.CreateCommand();
        var behind = "";
        if (from is not null)
        {
            var values = stretch.Columns.Select(c => c == "r.id" ? from.Id : from.Key!).ToList();
            values.ForEach(v => command.Parameters.Add(new() { Value = v }));
            behind = $"and ({string.Join(", ", stretch.Columns)}) {(up ? '>' : '<')} ({string.Join(", ", values.Select((_, n) => $"${n + 1}"))})";
        }
        command.CommandText = $"""
            select r.id, {stretch.Key ?? "null"} from repository r where {stretch.Condition} and {filter.Sql(command.Parameters)} {behind}
            order by {string.Join(", ", stretch.Columns.Select(c => $"{c} {(up ? "asc" : "desc")}"))} limit {limit - places.Count}
            """;
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            places.Add(new(order, row.IsDBNull(1) ? null : order.Sort == RepositorySort.Name ? row.GetString(1) : row.GetDateTime(1), row.GetInt64(0)));
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
