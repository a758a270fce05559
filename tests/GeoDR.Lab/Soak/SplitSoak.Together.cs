namespace GeoDR.Lab;

/// <summary>How sites that were apart come together.</summary>
public sealed partial class SplitSoak
{
    /// <summary>Two promotions in one epoch: all see it, none takes anything into its log, until an operator chose.</summary>
    private async Task ConflictAsync(Writers writers, Site winner, CancellationToken cancellationToken)
    {
        foreach (var site in writers.Sites)
        {
            await Wait.UntilAsync(
                async token => await SiteReads.ScalarAsync<bool>(
                    site, "select (select count(*) from term where rejected is null and epoch = (select max(epoch) from term where rejected is null)) = 2", token),
                s_deadline, () => $"{site.Name} does not know of both promotions\n{Log()}", cancellationToken);
            var head = await HeadAsync(site, cancellationToken);
            var beside = await BesideAsync(site, cancellationToken);
            await Wait.UntilAsync(async token => await BesideAsync(site, token) > beside, s_deadline, () => $"what is pushed to {site.Name} is not kept beside its log\n{Log()}", cancellationToken);
            if (await HeadAsync(site, cancellationToken) is var now && now != head)
            {
                throw new LabException($"{site.Name} is in conflict, and its log went from {head} to {now}\n{Log()}");
            }

            if ((await site.Geo.RunAsync("demote", "--yes")).ExitCode == 0)
            {
                throw new LabException($"{site.Name} chose by itself\n{Log()}");
            }
        }

        foreach (var site in writers.Sites.OrderBy(s => s == winner ? 0 : 1))
        {
            await Wait.UntilAsync(
                async _ => (await site.Geo.RunAsync("term", "choose", winner.Name, "--yes")).ExitCode == 0, s_deadline, () => $"{winner.Name} cannot be chosen at {site.Name}\n{Log()}", cancellationToken);
        }

        await SiteGroup.IsPrimaryAsync(winner, s_deadline, cancellationToken);
    }

    /// <summary>Those who are not the primary any more follow it. Gives how many tags only they had, how many of those were overwritten unasked, and how many are gone in the end.</summary>
    private async Task<(int Divergent, int Overwritten, int Lost)> TogetherAsync(Site winner, Site old, Site third, SplitKind kind, CancellationToken cancellationToken)
    {
        // Nobody pushes any more: what the registries hold now is what may not be lost.
        var kept = await SiteReads.TagsAsync(winner, cancellationToken);
        Site[] losers = [old, third];
        var own = new List<(Site Site, string Repository, string Tag, string Digest)>();
        foreach (var site in losers)
        {
            foreach (var ((repository, tag), digest) in await SiteReads.TagsAsync(site, cancellationToken))
            {
                if (kept.GetValueOrDefault((repository, tag)) != digest && await winner.Client.ResolveAsync(repository, digest, cancellationToken) is null)
                {
                    own.Add((site, repository, tag, digest));
                }
            }
        }

        foreach (var site in kind == SplitKind.Two ? losers : [old])
        {
            await Wait.UntilAsync(async _ => (await site.Geo.RunAsync("demote", "--yes")).ExitCode == 0, s_deadline, () => $"{site.Name} does not become a secondary\n{Log()}", cancellationToken);
        }

        foreach (var site in losers)
        {
            await Wait.UntilAsync(
                async token => await SiteReads.ScalarAsync<string>(site, "select role || coalesce(follows, '') || coalesce(comparing, '') from site", token) == "secondary" + winner.Name,
                s_deadline, () => $"{site.Name} does not follow {winner.Name}\n{Log()}", cancellationToken);
        }

        // In the time until both lists are whole, everything that was not listed has been copied over, or would be.
        var listed = new HashSet<(string, string, string, string)>();
        await Wait.UntilAsync(
            async token =>
            {
                listed = [.. await SiteReads.DivergentAsync(winner, token)];
                return own.All(o => listed.Contains((o.Site.Name, o.Repository, o.Tag, o.Digest)));
            },
            s_deadline,
            () => $"only others have {string.Join(", ", own.Where(o => !listed.Contains((o.Site.Name, o.Repository, o.Tag, o.Digest))).Take(5).Select(o => $"{o.Site.Name}'s {o.Repository}:{o.Tag} {o.Digest}"))}, and {winner.Name} does not say so\n{Log()}",
            cancellationToken);
        await IdleAsync(losers, cancellationToken);
        var overwritten = 0;
        foreach (var (site, repository, tag, digest) in own)
        {
            overwritten += await site.Client.ResolveAsync(repository, tag, cancellationToken) == digest ? 0 : 1;
        }

        if (own.Count > 0)
        {
            (await winner.Geo.RunAsync("divergent", "aside", "--all")).EnsureSuccess();
        }

        await Wait.UntilAsync(
            async token => (await Task.WhenAll(_sites.Sites.Select(s => SiteReads.DivergentAsync(s, token)))).All(open => open.Count == 0), s_deadline, () => $"what was decided is not done\n{Log()}", cancellationToken);
        // A tag that the primary has under another name only stays where it is, until it is deleted as any tag that the primary lacks.
        await EqualAsync(losers, winner, cancellationToken, own.Select(o => $"{o.Repository}:{o.Tag} is at the secondary alone ({o.Digest})").ToHashSet());
        var lost = 0;
        foreach (var (_, repository, _, digest) in own)
        {
            lost += await winner.Client.ResolveAsync(repository, digest, cancellationToken) == digest ? 0 : 1;
        }

        // Nor was anything of the primary's own touched.
        var held = await SiteReads.TagsAsync(winner, cancellationToken);
        overwritten += kept.Count(k => held.GetValueOrDefault(k.Key) != k.Value);
        return overwritten + lost == 0 ? (own.Count, 0, 0)
            : throw new LabException($"of {own.Count} tags that only others had, {overwritten} were overwritten and {lost} are lost\n{Log()}");
    }

    /// <summary>Returns when nothing is waiting to be copied: what a secondary would overwrite, it has overwritten.</summary>
    private Task IdleAsync(IEnumerable<Site> sites, CancellationToken cancellationToken) => Wait.UntilAsync(
        async token => (await Task.WhenAll(sites.Select(s => SiteReads.ScalarAsync<long>(s, "select count(*) from repository where state in (0, 1)", token)))).Sum() == 0,
        s_deadline, () => $"the sync does not come to rest\n{Log()}", cancellationToken);

    private static Task<long> HeadAsync(Site site, CancellationToken cancellationToken) => SiteReads.ScalarAsync<long>(site, "select coalesce(max(id), 0) from event", cancellationToken);

    private static Task<long> BesideAsync(Site site, CancellationToken cancellationToken) => SiteReads.ScalarAsync<long>(site, "select count(*) from divergent_write", cancellationToken);
}
