using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Verification;

/// <summary>What a check starts from: the inventory, and how far the log was read.</summary>
public sealed class KnownContent(NpgsqlDataSource source)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(15);

    /// <summary>The tags to look at, with their digests, and the manifests that no tag leads to. What waits for the sync is about to change.</summary>
    public async Task<(Dictionary<string, string> Tags, List<string> Untagged)> ReadAsync(ClaimedCheck claim, CancellationToken cancel)
    {
        var tags = new Dictionary<string, string>(StringComparer.Ordinal);
        await using (var command = source.CreateCommand("""
            select name, digest from tag where repository = $1 and ($2::timestamptz is null or read_at >= $2)
                and not exists (select from waiting_reference w where w.repository_id = $3 and w.reference = tag.name)
            """))
        {
            command.Parameters.Add(new() { Value = claim.Name });
            command.Parameters.Add(new() { Value = claim.Since is { } since ? since.UtcDateTime : DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz });
            command.Parameters.Add(new() { Value = claim.Id });
            await using var row = await command.ExecuteReaderAsync(cancel);
            while (await row.ReadAsync(cancel))
                tags[row.GetString(0)] = row.GetString(1);
        }
        var untagged = new List<string>();
        if (claim.Scope == CheckScope.Changed)
            return (tags, untagged);
        await using var held = source.CreateCommand("""
            select digest from manifest m where repository = $1 and not exists (select from tag t where t.repository = $1 and t.digest = m.digest)
            """);
        held.Parameters.Add(new() { Value = claim.Name });
        await using (var row = await held.ExecuteReaderAsync(cancel))
            while (await row.ReadAsync(cancel))
                untagged.Add(row.GetString(0));
        return (tags, untagged);
    }

    /// <summary>Waits until the log was read to its end once more; false where it cannot be read now.</summary>
    public async Task<bool> LogWasReadAsync(TimeProvider time, CancellationToken cancel)
    {
        await using var now = source.CreateCommand("select clock_timestamp()");
        var since = (DateTime)(await now.ExecuteScalarAsync(cancel))!;
        var started = time.GetTimestamp();
        while (time.GetElapsedTime(started) < s_patience)
        {
            // Not at once: the notification itself takes its way.
            await Task.Delay(TimeSpan.FromMilliseconds(250), time, cancel);
            await using var read = source.CreateCommand(
                "select exists (select from cursor where problem is null and read_at > $1::timestamptz + interval '1 second' and event_id >= head)");
            read.Parameters.Add(new() { Value = since });
            if ((bool)(await read.ExecuteScalarAsync(cancel))!)
                return true;
        }
        return false;
    }
}
