using Npgsql;

namespace GeoDR.Lab.Tool.Bench;

/// <summary>When one reference was marked, taken by a worker and done, by the secondary's database.</summary>
internal sealed record LagTrace(DateTime Marked, DateTime Taken, DateTime Done)
{
    // The program keeps no history of a reference, so a trigger of the benchmark's own writes it down.
    private const string Schema = """
        create unlogged table bench_trace (repository_id bigint, reference text, digest text, marked_at timestamptz, taken_at timestamptz);
        create index on bench_trace (repository_id, reference);
        create function bench_trace() returns trigger language plpgsql as $$
        begin
            if tg_op = 'INSERT' or new.event_id <> old.event_id then
                insert into bench_trace values (new.repository_id, new.reference, new.digest, clock_timestamp(), null);
            end if;
            if new.claim_token is not null then
                update bench_trace set taken_at = clock_timestamp()
                where repository_id = new.repository_id and reference = new.reference and digest = new.digest and taken_at is null;
            end if;
            return null;
        end $$;
        create trigger bench_trace after insert or update on waiting_reference for each row execute function bench_trace();
        """;

    public static Task InstallAsync(Site secondary, CancellationToken cancellationToken) =>
        secondary.Postgres.ExecuteAsync(Schema, Site.Database, cancellationToken);

    /// <summary>Null while the push has no outcome yet.</summary>
    public static async Task<LagTrace?> ReadAsync(Site secondary, PlannedPush push, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(secondary.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand("""
            select b.marked_at, coalesce(b.taken_at, b.marked_at), greatest(t.read_at, b.taken_at, b.marked_at)
            from repository r join tag t on t.repository = r.name
            join bench_trace b on b.repository_id = r.id and b.reference = t.name and b.digest = t.digest
            where r.name = $1 and t.name = $2 and t.digest = $3 order by b.marked_at limit 1
            """, connection)
        {
            Parameters = { new() { Value = push.Repository }, new() { Value = push.Tag }, new() { Value = push.Digest } },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken) ? new LagTrace(reader.GetDateTime(0), reader.GetDateTime(1), reader.GetDateTime(2)) : null;
    }
}
