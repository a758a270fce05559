using Npgsql;

namespace GeoDR.Status;

/// <summary>A registry process that notifies this site.</summary>
public sealed record RegistryInstance(string Id, DateTimeOffset FirstSeenAt, DateTimeOffset LastSeenAt);

/// <summary>How notifications come in.</summary>
/// <param name="LastEventAt">When the newest event was received; null before the first.</param>
/// <param name="EventsPerMinute">Over the last five minutes.</param>
/// <param name="Quarantined">Notifications that could not be understood.</param>
/// <param name="DivergentWrites">Pushes to this site while nobody should have pushed.</param>
/// <param name="Instances">The newest first, 20 at most.</param>
public sealed record IntakeStatus(DateTimeOffset? LastEventAt, double EventsPerMinute, long Quarantined, long DivergentWrites, IReadOnlyList<RegistryInstance> Instances);

/// <summary>Reads how notifications come in.</summary>
public sealed class IntakeReader(NpgsqlDataSource source)
{
    public async Task<IntakeStatus> ReadAsync(CancellationToken cancel)
    {
        await using var batch = source.CreateBatch();
        batch.BatchCommands.Add(new("""
            select (select received_at from event order by id desc limit 1),
                (select count(*) from event where received_at > now() - interval '5 minutes') / 5.0::float8,
                (select count(*) from quarantine), (select count(*) from divergent_write)
            """));
        batch.BatchCommands.Add(new("select id, first_seen_at, last_seen_at from registry_instance order by last_seen_at desc limit 20"));
        await using var row = await batch.ExecuteReaderAsync(cancel);
        await row.ReadAsync(cancel);
        var intake = new IntakeStatus(row.IsDBNull(0) ? null : row.GetFieldValue<DateTimeOffset>(0), row.GetDouble(1), row.GetInt64(2), row.GetInt64(3), []);
        await row.NextResultAsync(cancel);
        var instances = new List<RegistryInstance>();
        while (await row.ReadAsync(cancel))
            instances.Add(new(row.GetString(0), row.GetFieldValue<DateTimeOffset>(1), row.GetFieldValue<DateTimeOffset>(2)));
        return intake with { Instances = instances };
    }
}
