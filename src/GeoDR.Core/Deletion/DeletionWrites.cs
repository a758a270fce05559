using GeoDR.Audit;
using GeoDR.SyncState;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Deletion;

/// <summary>What the work on approved deletions writes. Fenced by the claim's token, and by the candidate that must still be approved.</summary>
public sealed class DeletionWrites(NpgsqlDataSource source)
{
    private const string Held = "exists (select from repository where id = $1 and claim_token = $2 and state = 1)";

    /// <summary>
    /// From here on the inventory promises nothing of the tag, so that a push is copied whatever comes of the deletion. False where the
    /// tag came back, or the claim was lost.
    /// </summary>
    public async Task<bool> BeginAsync(ClaimedRepository claim, DeletionRow row, string digest, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"""
            with still as (update waiting_deletion set begun = $6 where id = $3 and state = 'approved' and {Held} returning id),
            forgotten as (delete from tag using still where repository = $4 and name = $5),
            unknown as (delete from manifest using still where repository = $4 and digest = $5)
            select exists (select from still)
            """);
        Add(command, claim, row);
        command.Parameters.Add(new() { Value = claim.Name });
        command.Parameters.Add(new() { Value = row.Reference });
        command.Parameters.Add(new() { Value = digest });
        return (bool)(await command.ExecuteScalarAsync(cancel))!;
    }

    /// <summary>Nothing was deleted: the inventory knows the tag again.</summary>
    public async Task UndoAsync(ClaimedRepository claim, DeletionRow row, string digest, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"""
            with ended as (update waiting_deletion set begun = null where id = $6)
            insert into tag (repository, name, digest) select $3, $4, $5 where $7 and {Held} on conflict (repository, name) do nothing
            """);
        command.Parameters.Add(new() { Value = claim.Id });
        command.Parameters.Add(new() { Value = claim.Token });
        command.Parameters.Add(new() { Value = claim.Name });
        command.Parameters.Add(new() { Value = row.Reference });
        command.Parameters.Add(new() { Value = digest });
        command.Parameters.Add(new() { Value = row.Id });
        command.Parameters.Add(new() { Value = !row.IsDigest });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Remembers what the tag is about to point at, so that a restart knows it as GeoDR's own.</summary>
    public async Task OneOffAsync(DeletionRow row, string digest, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("update waiting_deletion set one_off = $2 where id = $1");
        command.Parameters.Add(new() { Value = row.Id });
        command.Parameters.Add(new() { Value = digest });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>What the inventory, or an earlier try of this deletion, lets stand under the tag, and the digest that such a try was sent for.</summary>
    public async Task<(string? Known, string? OneOff, string? Begun)> ExpectedAsync(DeletionRow row, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select (select digest from tag where repository = $2 and name = $3), (select one_off from waiting_deletion where id = $1),
                (select begun from waiting_deletion where id = $1)
            """);
        command.Parameters.Add(new() { Value = row.Id });
        command.Parameters.Add(new() { Value = row.Repository });
        command.Parameters.Add(new() { Value = row.Reference });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return (Text(0), Text(1), Text(2));

        string? Text(int column) => reader.IsDBNull(column) ? null : reader.GetString(column);
    }

    /// <summary>It is gone: the audit log says so, and by whose word.</summary>
    /// <param name="digest">What was deleted.</param>
    /// <param name="manifest">The manifest itself was deleted, not the tag alone.</param>
    public async Task DoneAsync(DeletionRow row, string digest, bool manifest, string detail, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new("""
            insert into audit (who, what, repository, reference, digest, event_id, detail) values ($1, $2, $3, $4, $5, $6, $7)
            """)
        {
            Parameters =
            {
                new() { Value = row.ReleasedBy ?? AuditWords.Program }, new() { Value = AuditWords.Deleted }, new() { Value = row.Repository },
                new() { Value = row.Reference }, new() { Value = digest },
                new() { Value = (object?)row.EventId ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint }, new() { Value = detail },
            },
        });
        if (manifest)
            batch.BatchCommands.Add(new("delete from manifest where repository = $1 and digest = $2")
            { Parameters = { new() { Value = row.Repository }, new() { Value = digest } } });
        // A push that came meanwhile has removed the candidate, or a second deletion has begun it anew.
        batch.BatchCommands.Add(new("delete from waiting_deletion where id = $1 and state = 'approved'") { Parameters = { new() { Value = row.Id } } });
        await batch.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>It was not here.</summary>
    public async Task NothingHereAsync(DeletionRow row, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new("delete from tag where repository = $1 and name = $2") { Parameters = { new() { Value = row.Repository }, new() { Value = row.Reference } } });
        batch.BatchCommands.Add(new("delete from manifest where repository = $1 and digest = $2") { Parameters = { new() { Value = row.Repository }, new() { Value = row.Reference } } });
        batch.BatchCommands.Add(new("delete from waiting_deletion where id = $1 and state = 'approved'") { Parameters = { new() { Value = row.Id } } });
        await batch.ExecuteNonQueryAsync(cancel);
    }

    private static void Add(NpgsqlCommand command, ClaimedRepository claim, DeletionRow row)
    {
        command.Parameters.Add(new() { Value = claim.Id });
        command.Parameters.Add(new() { Value = claim.Token });
        command.Parameters.Add(new() { Value = row.Id });
    }
}
