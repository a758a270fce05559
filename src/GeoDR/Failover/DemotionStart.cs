using GeoDR.Configuration;
using GeoDR.Sites;
using Npgsql;

namespace GeoDR.Failover;

/// <summary>What a demotion of this site would do now.</summary>
/// <param name="To">The primary that it would follow.</param>
/// <param name="Refusal">Why it cannot be demoted now, and the mend; null when it can.</param>
internal sealed record DemotionPlan(string Site, string? To, long Epoch, Guid Promotion, string? Refusal)
{
    /// <summary>It is a secondary: nothing is left to do.</summary>
    public bool IsDone { get; init; }

    /// <summary>In a few sentences, for whoever is to confirm it.</summary>
    public string InWords =>
        $"{Site} becomes a secondary of {To} (epoch {Epoch}). It reads its own registry, compares it with {To}'s, keeps and lists what only it has "
        + "(`geodr divergent list`), and copies the rest of the difference. Nothing that only it has is overwritten or deleted.";
}

/// <summary>The one place where a primary that was replaced becomes a secondary.</summary>
internal sealed class DemotionStart(GeoSettings settings, NpgsqlDataSource source)
{
    private readonly SiteStore _sites = new(source);
    private readonly SiteBook _book = new(source);

    public async Task<DemotionPlan> PlanAsync(CancellationToken cancel)
    {
        if (await _sites.ReadAsync(cancel) is not { } site)
            return Refused(settings.SiteName, "This site was never started.");
        if (!site.IsPrimary)
            return Refused(site.Name, $"{site.Name} is a secondary already{(site.Follows is { } f ? $", of {f}" : "")}; nothing was done.") with { IsDone = true };
        if (site.NewerSite is not { } primary)
            return Refused(site.Name, site.Rival is { } rival
                ? $"{rival} was promoted in the same epoch: choose which of the two stays with `geodr term choose`."
                : $"No other site was promoted: {site.Name} is the primary. Promote the other site first, with `geodr promote` there.");
        var newest = (await new TermStore(source, _book).ListAsync(cancel)).Where(t => t.Rejected is null && t.Epoch == site.NewerEpoch).ToList();
        if (newest.Count != 1)
            return Refused(site.Name, $"Several sites were promoted in epoch {site.NewerEpoch}: one of them is to be chosen first, with `geodr term choose`.");
        // What it lacks to follow that site is said before it is a secondary that does not start.
        var (_, faults) = await Following.ApplyAsync(settings, site with { Role = Site.Secondary, Follows = primary }, _book, cancel);
        return new(site.Name, primary, site.NewerEpoch, newest[0].Promotion, faults.Count == 0 ? null : string.Join(' ', faults.Select(f => $"{f}.")));
    }

    /// <exception cref="RoleChangedException">It cannot be demoted.</exception>
    public Task DemoteAsync(DemotionPlan plan, string by, CancellationToken cancel) => plan.Refusal is { } refusal
        ? throw new RoleChangedException(refusal)
        : new RoleChange(source, TimeProvider.System).FollowAsync(plan.To!, plan.Promotion, by, cancel);

    private static DemotionPlan Refused(string site, string why) => new(site, null, 0, Guid.Empty, why);
}
