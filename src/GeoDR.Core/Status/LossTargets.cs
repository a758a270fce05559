using GeoDR.Selection;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Status;

/// <summary>What may be lost at most. Every target counts: a rule can only be stricter than the site's.</summary>
/// <param name="Pattern">The repositories it holds for, by their names at the primary; null for the site.</param>
/// <param name="Age">Of the oldest push that is not here, and of the log's last reading.</param>
/// <param name="Bytes">Of all pushes that are not here.</param>
public sealed record LossTarget(Pattern? Pattern, TimeSpan? Age, long? Bytes);

/// <summary>How one target stands.</summary>
/// <param name="Pattern">Null for the site.</param>
/// <param name="Kind">"age", in seconds, or "bytes".</param>
/// <param name="Value">What would be lost now; null where nobody can say, which counts as passed.</param>
/// <param name="Passed">More would be lost than the target allows.</param>
/// <param name="PassedBy">By how much; null where it is kept or nobody can say.</param>
/// <param name="ByWindow">It is the log that was not read for so long, not a known push.</param>
public sealed record TargetState(string? Pattern, string Kind, double Limit, double? Value, bool Passed, double? PassedBy, bool ByWindow);

/// <summary>The targets, where whoever reads the status finds them: in the database, as the site last started with them.</summary>
public sealed class LossTargets(NpgsqlDataSource source)
{
    /// <summary>The most that may be given: PostgreSQL keeps 32 compiled expressions, and more would be compiled for each name.</summary>
    public const int Most = 24;

    public const string Age = "age";
    public const string Bytes = "bytes";

    /// <summary>Puts these in place of those before.</summary>
    public async Task SetAsync(IReadOnlyList<LossTarget> targets, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using (var clear = new NpgsqlCommand("delete from target", connection))
            await clear.ExecuteNonQueryAsync(cancel);
        var rules = 0;
        foreach (var target in targets)
        {
            await using var add = new NpgsqlCommand("""
                insert into target (id, pattern, expression, age_seconds, bytes) values ($1, $2, $3, $4, $5)
                on conflict (id) do update set age_seconds = excluded.age_seconds, bytes = excluded.bytes
                """, connection)
            {
                Parameters =
                {
                    new() { Value = target.Pattern is null ? 0 : ++rules }, Text(target.Pattern?.Text), Text(target.Pattern is { } p ? Expression(p) : null),
                    new() { Value = (object?)target.Age?.TotalSeconds ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Double },
                    new() { Value = (object?)target.Bytes ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint },
                },
            };
            await add.ExecuteNonQueryAsync(cancel);
        }
        await transaction.CommitAsync(cancel);
    }

    /// <summary>A pattern as PostgreSQL reads expressions; a pattern holds no other character that means something there.</summary>
    public static string Expression(Pattern pattern) =>
        $"^{pattern.Text.Replace(".", @"\.", StringComparison.Ordinal).Replace("**", "\0", StringComparison.Ordinal)
            .Replace("*", "[^/]*", StringComparison.Ordinal).Replace("?", "[^/]", StringComparison.Ordinal).Replace("\0", ".*", StringComparison.Ordinal)}$";

    /// <param name="oldest">Age of the oldest push that is known and not here; null where there is none.</param>
    /// <param name="window">Since when the log was not read fresh; null where nobody can say.</param>
    internal static TargetState OfAge(string? pattern, double limit, double? oldest, double? window)
    {
        var byWindow = window is null ? !(oldest > limit) : window > (oldest ?? 0);
        var value = byWindow ? window : oldest ?? 0;
        var passed = value is null || value > limit;
        return new(pattern, Age, limit, value, passed, passed ? value - limit : null, byWindow);
    }

    internal static TargetState OfBytes(string? pattern, long limit, long bytes) =>
        new(pattern, Bytes, limit, bytes, bytes > limit, bytes > limit ? bytes - limit : null, false);

    private static NpgsqlParameter Text(string? text) => new() { Value = (object?)text ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };
}
