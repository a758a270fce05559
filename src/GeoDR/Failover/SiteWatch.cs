using GeoDR.Hosting;
using GeoDR.Postgres;
using GeoDR.Sites;
using Npgsql;

namespace GeoDR.Failover;

/// <summary>
/// The site's own row, as of a moment ago. When its part has become another than the one this process was composed for, the process
/// is stopped in order and composed anew.
/// </summary>
internal sealed partial class SiteWatch(
    SiteStore sites, NpgsqlDataSource source, (string Role, string? Follows) composed, IHostApplicationLifetime lifetime, ILogger<SiteWatch> logger, TimeProvider time)
    : PassLoop(logger, time)
{
    private readonly WakeUp _wakeUp = new(source, Site.Channel, time);

    /// <summary>Null before it was read for the first time.</summary>
    public Site? Current { get; private set; }

    /// <summary>The site's part changed: this host ends to make room for the next.</summary>
    public bool Changed { get; private set; }

    protected override string Name => "the site's own row";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        await _wakeUp.PrepareAsync(cancel);
        var before = Current;
        Current = await sites.ReadAsync(cancel);
        if (Current is null || Changed)
            return false;
        if (Current.Part != composed)
        {
            // A host that is stopped while it starts fails, and the process with it: it is stopped a moment later.
            if (!lifetime.ApplicationStarted.IsCancellationRequested)
                return false;
            Changed = true;
            LogChanged(logger, Current.Role, Current.IsPrimary ? $"epoch {Current.Epoch}" : $"following {Current.Follows}");
            lifetime.StopApplication();
        }
        else if (Current.IsFenced && before?.IsFenced != true)
            LogFenced(logger, Current.NewerSite ?? Current.Rival!, Current.NewerSite is null ? "was promoted in the same epoch" : "has a newer term");
        return false;
    }

    protected override Task RestAsync(CancellationToken cancel) => _wakeUp.WaitAsync(TimeSpan.FromMilliseconds(500), cancel);

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await _wakeUp.DisposeAsync();
    }

    [LoggerMessage(230, LogLevel.Warning, "This site is a {Role} now ({Part}): the program begins anew as one")]
    private static partial void LogChanged(ILogger logger, string role, string part);

    [LoggerMessage(231, LogLevel.Error, "This primary is fenced: the site {Other} {Reason}. What it is told is kept as divergent; `geodr status` says what to do")]
    private static partial void LogFenced(ILogger logger, string other, string reason);
}
