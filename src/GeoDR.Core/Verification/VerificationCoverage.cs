using System.Globalization;
using Npgsql;

namespace GeoDR.Verification;

/// <summary>How much of what a secondary holds was looked at.</summary>
/// <param name="Whole">Repositories that were looked at in full at least once.</param>
/// <param name="Deep">Repositories whose bytes were read at least once.</param>
/// <param name="Damaged">Repositories with something missing or damaged.</param>
/// <param name="OldestSeconds">Age of the oldest full look, of those that had one.</param>
/// <param name="OldestDeepSeconds">Age of the oldest reading of all bytes, of those that had one.</param>
public sealed record VerificationCoverage(
    long Pending, long Started, long Succeeded, long Failed, long Whole, long Deep, long Damaged, double? OldestSeconds, double? OldestDeepSeconds)
{
    public static async Task<VerificationCoverage> ReadAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select count(*) filter (where state = 0), count(*) filter (where state = 1), count(*) filter (where state = 2), count(*) filter (where state = 3),
                count(whole_at), count(deep_at), (select count(distinct repository_id) from damage where healed_at is null),
                extract(epoch from clock_timestamp() - min(whole_at))::float8, extract(epoch from clock_timestamp() - min(deep_at))::float8
            from verification
            """);
        await using var row = await command.ExecuteReaderAsync(cancel);
        await row.ReadAsync(cancel);
        return new(
            row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4), row.GetInt64(5), row.GetInt64(6),
            row.IsDBNull(7) ? null : row.GetDouble(7), row.IsDBNull(8) ? null : row.GetDouble(8));
    }

    /// <summary>"40 of 41 repositories well, 1 failed; 41 looked at in full, the oldest 2.1 days ago; 12 read and hashed, …".</summary>
    public string InWords(long repositories) => string.Create(CultureInfo.InvariantCulture,
        $"{Succeeded} of {repositories} repositories well{(Failed > 0 ? $", {Failed} failed" : "")}{(Pending + Started > 0 ? $", {Pending + Started} to be checked" : "")}; "
        + $"{Whole} looked at in full{Ago(OldestSeconds)}; {Deep} read and hashed{Ago(OldestDeepSeconds)}");

    private static string Ago(double? seconds) =>
        seconds is { } s ? string.Create(CultureInfo.InvariantCulture, $", the oldest {(s < 3600 ? $"{s / 60:0} min" : s < 172800 ? $"{s / 3600:0} h" : $"{s / 86400:0} d")} ago") : "";
}
