using Npgsql;
using NpgsqlTypes;

namespace GeoDR.EventLog;

/// <summary>Pushes to a site where nobody should push: kept and shown, never synced anywhere.</summary>
public sealed class DivergentWrites(NpgsqlDataSource source)
{
    public async Task KeepAsync(IReadOnlyList<NewEvent> events, QuarantinedBody? quarantined, CancellationToken cancel)
    {
        if (quarantined is not null)
            await new LogAppender(source).AppendAsync([], [quarantined], cancel);
        foreach (var e in events)
        {
            await using var command = source.CreateCommand("""
                insert into divergent_write (source_event_id, kind, repository, tag, digest, actor, agent)
                values ($1, $2, $3, $4, $5, $6, $7) on conflict (source_event_id) do nothing
                """);
            foreach (var value in new[] { e.SourceEventId, e.Kind, e.Repository, e.Tag, e.Digest, e.Actor, e.Agent })
                command.Parameters.Add(new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
            await command.ExecuteNonQueryAsync(cancel);
        }
    }
}
