using GeoDR.Audit;
using GeoDR.Sites;
using Npgsql;

namespace GeoDR.Failover;

/// <summary>Ends what a site may do here: its calls are refused, its terms count no more.</summary>
public sealed class Revocation(NpgsqlDataSource source)
{
    /// <summary>False for a name that is not known.</summary>
    /// <exception cref="RoleChangedException">It is this site's own name: its own term would count no more here.</exception>
    public async Task<bool> RevokeAsync(string site, string by, CancellationToken cancel)
    {
        if ((await new SiteStore(source).ReadAsync(cancel))?.Name == site)
            throw new RoleChangedException($"{site} is this site itself: revoke it at the other sites.");
        if (!await new SiteBook(source).RevokeAsync(site, cancel))
            return false;
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using (var reject = new NpgsqlCommand("update term set rejected = 'its site was revoked' where site = $1 and rejected is null", connection))
        {
            reject.Parameters.Add(new() { Value = site });
            await reject.ExecuteNonQueryAsync(cancel);
        }
        await AuditLog.WriteAsync(connection, by, "revoked", null, site, null, cancel);
        await using (var tell = new NpgsqlCommand($"notify {Site.Channel}", connection))
            await tell.ExecuteNonQueryAsync(cancel);
        await transaction.CommitAsync(cancel);
        return true;
    }
}
