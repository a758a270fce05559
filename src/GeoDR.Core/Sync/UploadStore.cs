using GeoDR.Registry;
using Npgsql;

namespace GeoDR.Sync;

/// <summary>Remembers where large uploads stand, so that a restart goes on there.</summary>
public sealed class UploadStore(NpgsqlDataSource source)
{
    public async Task<(string Location, long Sent)?> FindAsync(string repository, Digest digest, CancellationToken cancel)
    {
        await using var command = Command("select location, sent from upload where repository = $1 and digest = $2", repository, digest);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel) ? (reader.GetString(0), reader.GetInt64(1)) : null;
    }

    public async Task KeepAsync(string repository, Digest digest, Uri location, long sent, CancellationToken cancel)
    {
        await using var command = Command("""
            insert into upload (repository, digest, location, sent) values ($1, $2, $3, $4)
            on conflict (repository, digest) do update set location = excluded.location, sent = excluded.sent, updated_at = clock_timestamp()
            """, repository, digest);
        command.Parameters.Add(new() { Value = location.AbsoluteUri });
        command.Parameters.Add(new() { Value = sent });
        await command.ExecuteNonQueryAsync(cancel);
    }

    public async Task ForgetAsync(string repository, Digest digest, CancellationToken cancel)
    {
        await using var command = Command("delete from upload where repository = $1 and digest = $2", repository, digest);
        await command.ExecuteNonQueryAsync(cancel);
    }

    private NpgsqlCommand Command(string sql, string repository, Digest digest)
    {
        var command = source.CreateCommand(sql);
        command.Parameters.Add(new() { Value = repository });
        command.Parameters.Add(new() { Value = digest.ToString() });
        return command;
    }
}
