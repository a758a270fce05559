using GeoDR.Configuration;
using GeoDR.Sites;
using GeoDR.Tokens;
using Npgsql;

namespace GeoDR.Failover;

/// <summary>What a choice between two promotions would do here.</summary>
/// <param name="Chosen">The site that stays the primary.</param>
/// <param name="Counts">The terms that would count no more here; none where this site raises its own.</param>
/// <param name="InWords">What it would do; where there is a refusal, nothing.</param>
internal sealed record TermPlan(string Site, string Chosen, IReadOnlyList<KnownTerm> Counts, string InWords, string? Refusal)
{
    /// <summary>The chosen site has the newest term, and nobody contests it here.</summary>
    public bool IsDone { get; init; }
}

/// <summary>Ends a conflict of two promotions: an operator chooses, at both sites, which one stays.</summary>
internal sealed class TermChoice(GeoSettings settings, NpgsqlDataSource source)
{
    private readonly SiteStore _sites = new(source);
    private readonly TermStore _terms = new(source, new SiteBook(source));

    public async Task<TermPlan> PlanAsync(string chosen, CancellationToken cancel)
    {
        if (await _sites.ReadAsync(cancel) is not { } site)
            return new(settings.SiteName, chosen, [], "", "This site was never started.");
        if (chosen == site.Name)
            return !site.IsPrimary ? Refused($"{site.Name} is a secondary: promote it with `geodr promote`.")
                : site is { NewerSite: null, Rival: null } ? Refused($"{site.Name} is the primary, and nobody contests it; nothing was done.") with { IsDone = true }
                : settings.SiteKeyFile is null ? Refused("Geo:Site:KeyFile is missing; a term is signed with the site's key.")
                : new(site.Name, chosen, [], $"{site.Name} stays the primary under a newer term; {site.NewerSite ?? site.Rival} is fenced as soon as it hears of it.", null);
        // What this site's own term says counts no more, here; the other's then is the newest.
        var known = (await _terms.ListAsync(cancel)).Where(t => t.Rejected is null).ToList();
        var newest = known.Where(t => t.Epoch == known.Max(k => k.Epoch)).ToList();
        var rejected = newest.Where(t => t.Site != chosen).ToList();
        return rejected.Count == 0 && newest.Count > 0
                ? Refused($"{chosen} has the newest term already, of epoch {newest[0].Epoch}.{(site.IsPrimary ? $" Run `geodr demote` here: {site.Name} then follows it." : "")}") with { IsDone = true }
            : rejected.Count == newest.Count ? Refused($"There is no conflict that {chosen} is part of; `geodr term list` shows the terms.")
            : new(site.Name, chosen, rejected,
                $"{chosen} stays the primary; the promotion of {string.Join(", ", rejected.Select(t => t.Site))} in epoch {newest[0].Epoch} counts no more at {site.Name}.", null);

        TermPlan Refused(string why) => new(site.Name, chosen, [], "", why);
    }

    /// <summary>Does it, and answers what is to be done next, in words.</summary>
    /// <exception cref="RoleChangedException">There is nothing to choose.</exception>
    public async Task<string> ChooseAsync(TermPlan plan, string by, CancellationToken cancel)
    {
        if (plan.Refusal is { } refusal)
            throw new RoleChangedException(refusal);
        if (plan.Chosen == plan.Site)
        {
            await new RoleChange(source, TimeProvider.System).RaiseAgainAsync(settings.SiteKey!.Value, by, cancel);
            return $"{plan.Site} is the primary in epoch {(await _sites.ReadAsync(cancel))!.Epoch}.";
        }
        foreach (var term in plan.Counts)
            await _terms.RejectAsync(term.Promotion, by, $"{by} chose {plan.Chosen}", cancel);
        return (await _sites.ReadAsync(cancel))!.IsPrimary
            ? $"Run `geodr term choose {plan.Chosen}` at {plan.Chosen} too, then `geodr demote` here." : $"{plan.Site} follows {plan.Chosen}.";
    }
}
