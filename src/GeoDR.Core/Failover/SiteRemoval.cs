using GeoDR.Audit;
using GeoDR.Sites;
using Npgsql;

namespace GeoDR.Failover;

/// <summary>What the removal of a site would do.</summary>
/// <param name="LastHeardAt">Null for a site that was never heard.</param>
/// <param name="Undecided">Tags that only it has and that nobody has decided about: they go from the list.</param>
/// <param name="Refusal">Why it cannot be removed, and the mend; null when it can.</param>
public sealed record RemovalPlan(string Site, DateTimeOffset? LastHeardAt, long Undecided, string? Refusal)
{
    /// <summary>In sentences, for whoever is to confirm it.</summary>
    public IReadOnlyList<string> InWords =>
    [
        $"{Site} is forgotten here: its calls are refused as those of a stranger, it is granted no token, and no event is kept for it any more. Its registry and its database are not touched.",
        .. Undecided == 0 ? Array.Empty<string>() : [$"{Undecided} {(Undecided == 1 ? "tag that only it has goes" : "tags that only it has go")} from the list, undecided."],
        "Only another invitation lets it take part again. Stop it first: while it runs it keeps calling. A primary's secondaries forget it with their next heartbeat.",
    ];
}

/// <summary>Forgets a site that takes part no more.</summary>
public sealed class SiteRemoval(NpgsqlDataSource source)
{
    public async Task<RemovalPlan> PlanAsync(string name, CancellationToken cancel)
    {
        var own = await new SiteStore(source).ReadAsync(cancel);
        var known = await new SiteBook(source).FindAsync(name, cancel);
        var peer = (await new PeerStore(source).ListAsync(cancel)).FirstOrDefault(p => p.Name == name);
        await using var count = source.CreateCommand("select count(*) from divergent_tag where site = $1 and decision is null");
        count.Parameters.Add(new() { Value = name.Replace("\0", "", StringComparison.Ordinal) });
        return new(
            name, peer?.LastHeardAt, (long)(await count.ExecuteScalarAsync(cancel))!,
            own?.Name == name ? $"{name} is this site itself: remove it at the other sites."
            : known is null && peer is null ? $"The site {name} is not known here; `geodr site list` names them."
            : own is { IsPrimary: false } && own.Follows == name ? $"This site follows {name}: it can be removed when another site is the primary."
            : known is { Source: "settings", Revoked: false } ? $"The settings name {name}: take Geo:Peers:{name} (Geo:Primary) out on every node and start them again, then remove it."
            : null);
    }

    /// <exception cref="RoleChangedException">It cannot be removed.</exception>
    public async Task RemoveAsync(RemovalPlan plan, string by, CancellationToken cancel)
    {
        if (plan.Refusal is { } refusal)
            throw new RoleChangedException(refusal);
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using (var batch = new NpgsqlBatch(connection))
        {
            foreach (var sql in new[] { "delete from known_site where name = $1", "delete from peer where name = $1", "delete from divergent_tag where site = $1 and decision is null" })
                batch.BatchCommands.Add(new(sql) { Parameters = { new() { Value = plan.Site } } });
            batch.BatchCommands.Add(new($"notify {Site.Channel}"));
            await batch.ExecuteNonQueryAsync(cancel);
        }
        await AuditLog.WriteAsync(connection, by, "removed", null, plan.Site, null, cancel);
        await transaction.CommitAsync(cancel);
    }
}
