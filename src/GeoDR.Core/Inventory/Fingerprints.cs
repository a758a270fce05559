using System.Numerics;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Inventory;

/// <summary>One number over a repository's (tag, digest) pairs: the sum modulo 2^256 of SHA-256 over (length, tag, digest).</summary>
/// <param name="Value">In hexadecimal, so that no JSON reader rounds it.</param>
/// <param name="Change">Grows with every change at that site.</param>
public sealed record Fingerprint(string Repository, string Value, long Tags, long Change);

/// <summary>A page of what changed, in the order in which it did.</summary>
/// <param name="LogId">The log that the inventory was folded from; another one is another history.</param>
/// <param name="EventId">The newest event that is part of this inventory.</param>
/// <param name="Next">Where the next page begins; equal to the last where there is none.</param>
public sealed record FingerprintPage(Guid LogId, long EventId, IReadOnlyList<Fingerprint> Items, long Next, bool More);

/// <summary>The fingerprints of a site's own inventory; the database keeps them in step with every change of a tag.</summary>
public sealed class Fingerprints(NpgsqlDataSource source)
{
    /// <summary>What changed after <paramref name="after"/>; null before the site has a log.</summary>
    public async Task<FingerprintPage?> PageAsync(long after, int limit, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        // One snapshot: the position is that of exactly these numbers.
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancel);
        await using var position = new NpgsqlCommand(
            "select l.id, coalesce(p.event_id, 0) from log l left join inventory_position p on true", connection, transaction);
        Guid log;
        long folded;
        await using (var row = await position.ExecuteReaderAsync(cancel))
        {
            if (!await row.ReadAsync(cancel))
                return null;
            (log, folded) = (row.GetGuid(0), row.GetInt64(1));
        }
        await using var command = new NpgsqlCommand(
            "select repository, value, tags, change from fingerprint where change > $1 order by change limit $2", connection, transaction)
        { Parameters = { new() { Value = after }, new() { Value = limit } } };
        var items = new List<Fingerprint>();
        await using (var row = await command.ExecuteReaderAsync(cancel))
            while (await row.ReadAsync(cancel))
                items.Add(new(row.GetString(0), Hex(row.GetFieldValue<BigInteger>(1)), row.GetInt64(2), row.GetInt64(3)));
        return new(log, folded, items, items.Count > 0 ? items[^1].Change : after, items.Count == limit);
    }

    /// <summary>The registry was read, and what is known of the repository is what it said.</summary>
    public async Task ReadAsync(string repository, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            insert into fingerprint (repository, value, tags, change, read_at) values ($1, 0, 0, nextval('fingerprint_change'), clock_timestamp())
            on conflict (repository) do update set read_at = clock_timestamp()
            """);
        command.Parameters.Add(new() { Value = repository });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Those of the names that were not read since.</summary>
    public async Task<IReadOnlyList<string>> NotReadSinceAsync(IReadOnlyList<string> names, DateTimeOffset since, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select n.name from unnest($1) as n(name) left join fingerprint f on f.repository = n.name
            where f.read_at is null or f.read_at < $2 order by n.name
            """);
        command.Parameters.Add(new() { Value = names.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = since.ToUniversalTime() });
        var due = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            due.Add(reader.GetString(0));
        return due;
    }

    /// <summary>Repositories, how many of them were read since, and when the one was read that waits longest.</summary>
    public async Task<(long Repositories, long Read, DateTimeOffset? Oldest)> CoverageAsync(DateTimeOffset since, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select count(*), count(*) filter (where read_at >= $1), case when count(*) = count(read_at) then min(read_at) end
            from fingerprint where tags > 0
            """);
        command.Parameters.Add(new() { Value = since.ToUniversalTime() });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return (reader.GetInt64(0), reader.GetInt64(1), reader.IsDBNull(2) ? null : reader.GetFieldValue<DateTimeOffset>(2));
    }

    /// <summary>Sixty-four hexadecimal digits.</summary>
    public static string Hex(BigInteger value) => value.ToString("x64", System.Globalization.CultureInfo.InvariantCulture)[^64..];

    /// <summary>Null for what is no such number.</summary>
    public static BigInteger? Parse(string hex) =>
        hex.Length is > 0 and <= 64 && BigInteger.TryParse("0" + hex, System.Globalization.NumberStyles.AllowHexSpecifier, System.Globalization.CultureInfo.InvariantCulture, out var value)
            ? value : null;
}
