using GeoDR.Inventory;
using GeoDR.Verification;
using Npgsql;

namespace GeoDR.Status;

/// <summary>What a status counts over whole tables: each is read once.</summary>
/// <param name="References">That wait, and their bytes where these are known.</param>
/// <param name="Braked">Deletions that the brake holds.</param>
/// <param name="HeldDeletions">Deletions that wait for an operator for another reason.</param>
/// <param name="SyncedLately">Repositories synced within the last five minutes.</param>
/// <param name="Paused">Repositories whose sync an operator holds.</param>
/// <param name="BytesLately">Copied by the pieces of work that ended in them.</param>
/// <param name="Compared">Repositories with tags, those read whole within a day, and when the one was read that waits longest.</param>
internal sealed record SiteCounts(
    StateCounts States, long SyncedLately, long BytesLately, long Paused, long References, long Bytes, long Deletions, long Braked, long HeldDeletions, long Divergent, long Quarantined,
    VerificationCoverage Verification, (long Repositories, long Read, DateTimeOffset? Oldest) Compared)
{
    public static async Task<SiteCounts> ReadAsync(NpgsqlDataSource source, TimeProvider time, CancellationToken cancel)
    {
        var compared = await new Fingerprints(source).CoverageAsync(time.GetUtcNow().AddDays(-1), cancel);
        var verification = await VerificationCoverage.ReadAsync(source, cancel);
        await using var command = source.CreateCommand("""
            select r.*, w.*, d.*, (select count(*) from divergent_write), (select count(*) from quarantine),
                (select coalesce(sum(bytes), 0)::bigint from attempt where ended_at > now() - interval '5 minutes'),
                (select count(*) from repository where paused)
            from
                (select count(*) filter (where state = 0), count(*) filter (where state = 1), count(*) filter (where state = 2),
                    count(*) filter (where state = 3), count(*) filter (where last_synced_at > now() - interval '5 minutes') from repository) r,
                (select count(*), least(coalesce(sum(bytes), 0), 9223372036854775807)::bigint from waiting_reference) w,
                (select count(*), count(*) filter (where hold = 'brake'), count(*) filter (where hold in ('repository', 'refused', 'divergent')) from waiting_deletion) d
            """);
        await using var row = await command.ExecuteReaderAsync(cancel);
        await row.ReadAsync(cancel);
        return new(
            new(row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3)), row.GetInt64(4), row.GetInt64(12), row.GetInt64(13), row.GetInt64(5), row.GetInt64(6),
            row.GetInt64(7), row.GetInt64(8), row.GetInt64(9), row.GetInt64(10), row.GetInt64(11), verification, compared);
    }
}
