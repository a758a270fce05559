using GeoDR.Configuration;
using GeoDR.Hosting;
using GeoDR.Sites;

namespace GeoDR.Failover;

/// <summary>
/// Does what a newer term asks of this site: a secondary follows the site that was promoted, and so does a primary that handed over to
/// it. A primary that took no part in a promotion is fenced, and stays what it is until an operator demotes it.
/// </summary>
internal sealed partial class FollowLoop(
    GeoSettings settings, SiteWatch watch, SiteBook book, TermStore terms, RoleChange roles, ILogger<FollowLoop> logger, TimeProvider time)
    : IntervalLoop(TimeSpan.FromMilliseconds(500), logger, time)
{
    private Guid? _told;

    protected override string Name => "following the newest term";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        if (watch.Current is not { NewerSite: not null } site)
            return false;
        var known = (await terms.ListAsync(cancel)).Where(t => t.Rejected is null && t.Epoch == site.NewerEpoch).ToList();
        if (known.Count != 1)
        {
            if (known.Count > 1 && _told != known[0].Promotion)
                LogConflict(logger, string.Join(" and ", known.Select(t => t.Site)), site.NewerEpoch);
            _told = known.FirstOrDefault()?.Promotion;
            return false;
        }
        var newest = known[0];
        if (newest.Site == site.Name || site.IsPrimary && site.Handover != newest.Promotion)
            return false;
        var initial = settings.Role == Site.Secondary ? Following.WithKnown(settings, await book.ListAsync(cancel)).PrimaryPeer?.Name : null;
        if (!site.IsPrimary && site.Promotion is null && newest.Site == (site.Follows ?? initial))
        {
            await roles.LearnAsync(newest.Promotion, cancel);
            return false;
        }
        var (_, faults) = await Following.ApplyAsync(settings, site with { Role = Site.Secondary, Follows = newest.Site }, book, cancel);
        if (faults.Count > 0)
        {
            if (_told != newest.Promotion)
                LogCannot(logger, newest.Site, string.Join("; ", faults));
            _told = newest.Promotion;
            return false;
        }
        LogFollows(logger, newest.Site, newest.Epoch);
        await roles.FollowAsync(newest.Site, newest.Promotion, Audit.AuditWords.Program, cancel);
        return false;
    }

    [LoggerMessage(280, LogLevel.Warning, "Following {Site}, which was promoted in epoch {Epoch}")]
    private static partial void LogFollows(ILogger logger, string site, long epoch);

    [LoggerMessage(281, LogLevel.Error, "{Site} was promoted and cannot be followed: {Faults}")]
    private static partial void LogCannot(ILogger logger, string site, string faults);

    [LoggerMessage(282, LogLevel.Error, "{Sites} were both promoted in epoch {Epoch}: neither is followed until an operator chooses with `geodr term choose`")]
    private static partial void LogConflict(ILogger logger, string sites, long epoch);
}
