using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Status;

/// <summary>A push that the primary's log tells of and whose content is not at this site.</summary>
/// <param name="Reference">The tag, or the digest of a manifest that was pushed without one.</param>
/// <param name="Bytes">Of everything the manifest refers to; null when nobody said.</param>
/// <param name="AgeSeconds">Since the primary was told of it; of several pushes of one tag, since the oldest that is not here.</param>
/// <param name="Failed">It was tried, and failed last.</param>
public sealed record LostPush(string Repository, string Reference, string? Digest, long? Bytes, double AgeSeconds, bool Failed);

/// <summary>What would be lost, were the primary lost now.</summary>
/// <param name="Pushes">Known and not here.</param>
/// <param name="OldestSeconds">Age of the oldest of them.</param>
/// <param name="KnownBytes">Of those whose size is known.</param>
/// <param name="UnknownSizes">How many have a size that nobody said.</param>
/// <param name="ReadSecondsAgo">Since the log was last read; null before the first time.</param>
/// <param name="WindowSeconds">Pushes of so many last seconds may be missing in the list; null where nobody can say.</param>
/// <param name="Fresh">The log was read to its end, and the primary was writing it.</param>
/// <param name="BackfillRunning">What was there before this site followed the log is still being found.</param>
/// <param name="NotCompared">Repositories that wait for a comparison of all their tags: what they lack is not listed.</param>
/// <param name="Problem">Why the log is not followed.</param>
public sealed record LossSummary(
    long Pushes, double? OldestSeconds, long KnownBytes, long UnknownSizes, double? ReadSecondsAgo, double? WindowSeconds, bool Fresh,
    bool BackfillRunning, long NotCompared, string? Problem)
{
    /// <summary>How the targets for age and bytes stand; empty where none are set.</summary>
    public IReadOnlyList<TargetState> Targets { get; init; } = [];

    /// <summary>Age of the counts; one reading serves all who ask within a second or two.</summary>
    public double CountedSecondsAgo { get; init; }
}

/// <summary>A page of the list; <paramref name="Next"/> is the <c>after</c> of the page that follows, null at the end.</summary>
public sealed record LossPage(IReadOnlyList<LostPush> Items, string? Next);

/// <summary>The exact list of pushes that are known and not here, and how far it can be trusted.</summary>
public sealed class LossReader(NpgsqlDataSource source, TimeProvider? time = null)
{
    // A target's scope; the first is the site.
    private sealed record Scope(string? Pattern, double? AgeSeconds, long? MostBytes, long Pushes, double? Oldest, long Bytes, long Unknown);

    private sealed record Counts(IReadOnlyList<Scope> Scopes, long NotCompared);

    private readonly SharedReading<Counts> _counts = new(cancel => CountAsync(source, cancel), time ?? TimeProvider.System);

    // The primary says every two seconds that it lives; a standby may show that a little later.
    private const double FreshBeatSeconds = 6;

    // A registry notifies beside its answer to the client, and waits for a second by default before it sends again.
    private const double UnderWaySeconds = 1;

    // What is here may wait all the same, to be looked at once more when a dead worker's write can no longer land. A push is dated by its
    // receipt at the primary. The name and the inventory are looked up for each reference by their keys ("offset 0" keeps it so): what
    // waits is a small part of a large site, and a page of it costs what the page holds.
    private const string Lost = """
        select w.repository_id, r.name, w.reference, w.digest, w.bytes, w.failed, greatest(0, extract(epoch from statement_timestamp() - w.since))::float8 as age
        from waiting_reference w cross join lateral (select name from repository where id = w.repository_id offset 0) r
        where w.event_id > 0
          and not coalesce((select t.digest = w.digest from tag t where t.repository = r.name and t.name = w.reference), false)
          and (strpos(w.reference, ':') = 0 or not coalesce((select true from manifest m where m.repository = r.name and m.digest = w.reference), false))
        """;

    /// <summary>The summary, and how the targets stand.</summary>
    public async Task<LossSummary> SummaryAsync(CancellationToken cancel)
    {
        var (counts, age) = await _counts.GetAsync(cancel);
        await using var command = source.CreateCommand("""
            select exists (select from request where kind = 'backfill' and status = 'running'),
                c.event_id, c.head, c.lag_seconds, extract(epoch from clock_timestamp() - c.read_at)::float8, c.beat_age, c.problem, c.under_way
            from (values (1)) as one(x) left join cursor c on true
            """);
        await using var row = await command.ExecuteReaderAsync(cancel);
        await row.ReadAsync(cancel);
        var (read, window, fresh) = Window(row);
        var site = counts.Scopes[0];
        return new(
            site.Pushes, site.Oldest + age.TotalSeconds, site.Bytes, site.Unknown, read, window, fresh,
            row.GetBoolean(0), counts.NotCompared, row.IsDBNull(6) ? null : row.GetString(6))
        { CountedSecondsAgo = age.TotalSeconds, Targets = [.. counts.Scopes.SelectMany(s => States(s, age, window))] };
    }

    private static IEnumerable<TargetState> States(Scope scope, TimeSpan counted, double? window)
    {
        if (scope.AgeSeconds is { } age)
            yield return LossTargets.OfAge(scope.Pattern, age, scope.Oldest + counted.TotalSeconds, window);
        if (scope.MostBytes is { } bytes)
            yield return LossTargets.OfBytes(scope.Pattern, bytes, scope.Bytes);
    }

    private static async Task<Counts> CountAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        // The names are matched once for each repository that waits, not for each reference.
        await using var command = source.CreateCommand($"""
            with lost as materialized ({Lost}),
            named as (
                select name, count(*) as pushes, max(age) as oldest, sum(bytes) as bytes, count(*) filter (where bytes is null) as unknown
                from lost group by name),
            scope as (
                select one.id, t.pattern, t.expression, t.age_seconds, t.bytes from (values (0)) as one(id) left join target t on t.id = one.id
                union all select id, pattern, expression, age_seconds, bytes from target where id > 0)
            select s.pattern, s.age_seconds, s.bytes, coalesce(sum(n.pushes), 0)::bigint, max(n.oldest),
                least(coalesce(sum(n.bytes), 0), 9223372036854775807)::bigint, coalesce(sum(n.unknown), 0)::bigint,
                (select count(*) from repository where full_wanted > full_done)
            from scope s left join named n on s.expression is null or n.name ~ s.expression
            group by s.id, s.pattern, s.age_seconds, s.bytes order by s.id
            """);
        var (scopes, notCompared) = (new List<Scope>(), 0L);
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
        {
            scopes.Add(new(
                row.IsDBNull(0) ? null : row.GetString(0), row.IsDBNull(1) ? null : row.GetDouble(1), row.IsDBNull(2) ? null : row.GetInt64(2),
                row.GetInt64(3), row.IsDBNull(4) ? null : row.GetDouble(4), row.GetInt64(5), row.GetInt64(6)));
            notCompared = row.GetInt64(7);
        }
        return new(scopes, notCompared);
    }

    /// <summary>A page in an order that stays while pushes come and go.</summary>
    /// <param name="after">The <see cref="LossPage.Next"/> of the page before.</param>
    /// <returns>Null when <paramref name="after"/> is none.</returns>
    public async Task<LossPage?> PageAsync(string? after, int limit, CancellationToken cancel)
    {
        if (!TryCursor(after, out var id, out var reference))
            return null;
        await using var command = source.CreateCommand($"{Lost} and (w.repository_id, w.reference) > ($1, $2) order by w.repository_id, w.reference limit $3");
        command.Parameters.Add(new() { Value = id });
        command.Parameters.Add(new() { Value = reference, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = limit });
        var items = new List<LostPush>();
        string? last = null;
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
        {
            items.Add(new(
                row.GetString(1), row.GetString(2), row.IsDBNull(3) ? null : row.GetString(3), row.IsDBNull(4) ? null : row.GetInt64(4),
                row.GetDouble(6), row.GetBoolean(5)));
            last = $"{row.GetInt64(0)}/{row.GetString(2)}";
        }
        return new(items, items.Count == limit ? last : null);
    }

    private static bool TryCursor(string? after, out long id, out string reference)
    {
        (id, reference) = (0, "");
        if (string.IsNullOrEmpty(after))
            return true;
        var slash = after.IndexOf('/', StringComparison.Ordinal);
        reference = after[(slash + 1)..];
        return slash > 0 && !reference.Contains('\0') && long.TryParse(after.AsSpan(0, slash), System.Globalization.CultureInfo.InvariantCulture, out id);
    }

    /// <summary>How far back the list may lack something.</summary>
    private static (double? Read, double? Window, bool Fresh) Window(NpgsqlDataReader row)
    {
        if (row.IsDBNull(1))
            return (null, null, false);
        var (behind, lag, read, beat) = (row.GetInt64(2) > row.GetInt64(1), row.GetDouble(3), Math.Max(0, row.GetDouble(4)), Math.Max(0, row.GetDouble(5)));
        // A tailer that stands still at an event says nothing of how old that is.
        if (!row.IsDBNull(6))
            return (read, null, false);
        var fresh = !behind && beat <= FreshBeatSeconds;
        // Behind, it is as old as the oldest event not taken in. Since its last beat the primary may have taken no notification: a
        // young beat says nothing of what came after it.
        return (read, read + Math.Max(behind ? lag : 0, beat) + Math.Max(row.GetDouble(7), UnderWaySeconds), fresh);
    }
}
