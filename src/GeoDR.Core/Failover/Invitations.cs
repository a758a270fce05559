using System.Security.Cryptography;
using GeoDR.Audit;
using GeoDR.Sites;
using Npgsql;

namespace GeoDR.Failover;

/// <summary>An invitation as its maker keeps it.</summary>
public sealed record KeptInvitation(Guid Id, string Name, bool MayPromote, byte[] Secret);

/// <summary>What came of using an invitation.</summary>
public enum JoinResult
{
    /// <summary>The site is known by its key from now on, or was already by this invitation and key.</summary>
    Joined,
    /// <summary>It ended, another key used it, or the site was revoked since it was made.</summary>
    Ended,
}

/// <summary>The invitations that this site made.</summary>
public sealed class Invitations(NpgsqlDataSource source)
{
    /// <summary>How long one lasts.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(15);

    /// <summary>Makes one; it replaces those that were made for the same name and not used.</summary>
    /// <returns>With its end, by the database's clock.</returns>
    public async Task<(KeptInvitation Invitation, DateTimeOffset Until)> NewAsync(string name, bool mayPromote, string by, CancellationToken cancel)
    {
        var made = new KeptInvitation(Guid.NewGuid(), name, mayPromote, RandomNumberGenerator.GetBytes(32));
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using (var gone = new NpgsqlCommand("delete from invitation where expires_at < clock_timestamp() or name = $1 and used_key is null", connection))
        {
            gone.Parameters.Add(new() { Value = name });
            await gone.ExecuteNonQueryAsync(cancel);
        }
        await using var command = new NpgsqlCommand("""
            insert into invitation (id, name, may_promote, secret, created_by, expires_at) values ($1, $2, $3, $4, $5, clock_timestamp() + $6) returning expires_at
            """, connection);
        foreach (var value in new object[] { made.Id, made.Name, made.MayPromote, made.Secret, by, Lifetime })
            command.Parameters.Add(new() { Value = value });
        var until = (DateTime)(await command.ExecuteScalarAsync(cancel))!;
        await AuditLog.WriteAsync(connection, by, "invited", null, name, mayPromote ? "may promote" : null, cancel);
        await transaction.CommitAsync(cancel);
        return (made, new DateTimeOffset(until));
    }

    /// <summary>One that has not ended, used or not; null otherwise.</summary>
    public async Task<KeptInvitation?> FindAsync(Guid id, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select id, name, may_promote, secret from invitation where id = $1 and expires_at > clock_timestamp()");
        command.Parameters.Add(new() { Value = id });
        await using var row = await command.ExecuteReaderAsync(cancel);
        return await row.ReadAsync(cancel) ? new(row.GetGuid(0), row.GetString(1), row.GetBoolean(2), (byte[])row.GetValue(3)) : null;
    }

    /// <summary>Makes the site known by its key, once. The same key may ask again, for an answer that it did not get; that changes nothing.</summary>
    public async Task<JoinResult> UseAsync(KeptInvitation invitation, string publicKey, string? url, string? registryUrl, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        // A revocation in between locks the same row of known_site.
        await using var lockBoth = new NpgsqlCommand("""
            select i.used_key, k.public_key, k.revoked_at is not null, coalesce(k.revoked_at > i.created_at, false)
            from invitation i left join lateral (select * from known_site where name = i.name for update) k on true
            where i.id = $1 and i.expires_at > clock_timestamp() for update of i
            """, connection);
        lockBoth.Parameters.Add(new() { Value = invitation.Id });
        await using (var row = await lockBoth.ExecuteReaderAsync(cancel))
        {
            if (!await row.ReadAsync(cancel))
                return JoinResult.Ended;
            if (!row.IsDBNull(0))
                return row.GetString(0) == publicKey && !row.IsDBNull(1) && row.GetString(1) == publicKey && !row.GetBoolean(2) ? JoinResult.Joined : JoinResult.Ended;
            if (row.GetBoolean(3))
                return JoinResult.Ended;
        }
        await using (var use = new NpgsqlCommand("update invitation set used_key = $2, used_at = clock_timestamp() where id = $1", connection))
        {
            use.Parameters.Add(new() { Value = invitation.Id });
            use.Parameters.Add(new() { Value = publicKey });
            await use.ExecuteNonQueryAsync(cancel);
        }
        await SiteBook.JoinAsync(connection, new(invitation.Name, url, publicKey, invitation.MayPromote, false, "joined", registryUrl), cancel);
        await AuditLog.WriteAsync(connection, invitation.Name, "joined", null, invitation.Name, invitation.MayPromote ? "may promote" : null, cancel);
        await transaction.CommitAsync(cancel);
        return JoinResult.Joined;
    }
}
