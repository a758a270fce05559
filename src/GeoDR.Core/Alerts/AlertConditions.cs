using System.Globalization;
using GeoDR.Sites;
using GeoDR.Status;

namespace GeoDR.Alerts;

/// <summary>What of a site's status is worth an alert; pure.</summary>
public static class AlertConditions
{
    private const double SilentSeconds = 30;
    private static readonly TimeSpan s_unheard = TimeSpan.FromMinutes(1);
    // A site that was taken away for good says no goodbye.
    private static readonly TimeSpan s_givenUp = TimeSpan.FromDays(30);
    private static readonly Dictionary<string, double> s_none = [];

    public static IReadOnlyList<Condition> Of(SiteStatus site, AlertFacts facts, ReaderLimits readers)
    {
        var found = new List<Condition>();
        if (site.FencedBy is { } by)
            found.Add(new(AlertKinds.Fenced, Condition.Site, Severities.Critical, $"this primary is fenced: {by} was promoted",
                "`geodr status` says what to do: demote this site, or revoke the other if it had no right to it", s_none));
        if (site.Role == Site.Primary)
            found.AddRange(site.Peers.Where(p => p.Role == Site.Secondary).Select(p => OfReader(p, site.At, facts.LogHead, readers)).OfType<Condition>());
        else
        {
            found.AddRange((site.Loss?.Targets ?? []).Where(t => t.Passed).Select(OfTarget));
            if (LogProblem(site.Cursor) is { } problem)
                found.Add(new(AlertKinds.Log, Condition.Site, Severities.Critical, problem,
                    "see that the primary's GeoDR runs and that its database can be reached from here; `geodr check` tries it", s_none));
            foreach (var outage in site.Outages)
                found.Add(new(AlertKinds.Outage, outage.Peer, Severities.Critical, $"the {outage.Peer} is {outage.Kind}: {outage.Detail}",
                    "mend the registry or its credentials; the sync goes on by itself. `geodr check` says what is refused", s_none));
            if (site.Workers == 0)
                found.Add(new(AlertKinds.Workers, Condition.Site, Severities.Critical, "no worker is alive, nothing is copied", "start `geodr serve` or `geodr worker`", s_none));
        }
        found.AddRange(OfFacts(facts));
        return found;
    }

    /// <summary>A secret whose file cannot be used since it changed; null where nothing is wrong.</summary>
    /// <param name="key">The setting that names the file.</param>
    public static Condition? OfSecret(string key, string? fault) => fault is null ? null
        : new(AlertKinds.Secret, key, Severities.Warning, $"the file of {key} cannot be used, and what it held before counts until the next start: {fault}",
            "correct the file; it is read again within seconds, without a restart", s_none);

    private static IEnumerable<Condition> OfFacts(AlertFacts f)
    {
        if (f.FailedLong > 0)
            yield return Counted(AlertKinds.Failed, Severities.Warning, f.FailedLong, "repository fails", "repositories fail", " and will not mend by being tried again soon", "`geodr failures` says why and what to do");
        if (f.DamagedThings > 0)
            yield return Counted(AlertKinds.Damage, Severities.Warning, f.DamagedThings, "thing is", "things are", " missing or damaged in this site's registry", "they are fetched again where that is possible; `geodr verify` names them");
        if (f.Braked > 0)
            yield return Counted(AlertKinds.Brake, Severities.Warning, f.Braked, "deletion is", "deletions are", " held by the brake: more would go than it allows", "look with `geodr deletions list`, then `geodr deletions release` or `keep`");
        if (f.LastReconcile is { Failed: true } broken)
            yield return new(AlertKinds.ReconcileFailed, Condition.Site, Severities.Warning, $"the last comparison could not be completed: {broken.Message}",
                "see the registry's log; it is tried again. `geodr reconcile --last` says more", s_none);
        if (f.LastReconcile is { Found: > 0 } gaps)
            yield return Counted(AlertKinds.Gaps, Severities.Warning, gaps.Found, "difference was", "differences were", " found by the last comparison: notifications were lost, or somebody changed a registry's storage", "they are being mended; `geodr reconcile --last` lists them. See why notifications are lost");
        if (f.Quarantined > 0)
            yield return Counted(AlertKinds.Quarantine, Severities.Warning, f.Quarantined, "notification", "notifications", " of the last day could not be understood", "`geodr quarantine list` shows them");
        if (f.Divergent > 0)
            yield return Counted(AlertKinds.Divergent, Severities.Warning, f.Divergent, "push", "pushes", " of the last day came to this site, where nobody should push", "find who pushes here and send them to the primary");
    }

    private static Condition OfTarget(TargetState target)
    {
        var subject = target.Pattern ?? Condition.Site;
        var whose = target.Pattern is { } pattern ? $" for {pattern}" : "";
        var figures = new Dictionary<string, double> { ["limit"] = target.Limit };
        if (target.Value is { } value)
            figures["value"] = value;
        return target.Kind == LossTargets.Age
            ? new(AlertKinds.TargetAge, subject, Severities.Critical,
                $"the target of {Seconds(target.Limit)} for the age of what may be lost{whose} is passed: "
                + (target.Value is null ? "the log is not followed, so nobody can say" : target.ByWindow
                    ? $"the log was last read fresh {Seconds(target.Value.Value)} ago" : $"the oldest push that is not here is {Seconds(target.Value.Value)} old"),
                "`geodr status` says what holds the sync up, `geodr loss` lists the pushes", figures)
            : new(AlertKinds.TargetBytes, subject, Severities.Critical,
                string.Create(CultureInfo.InvariantCulture, $"the target of {target.Limit:0} bytes that may be lost{whose} is passed: {target.Value:0} bytes are not here"),
                "`geodr status` says what holds the sync up, `geodr loss` lists the pushes", figures);
    }

    private static string? LogProblem(CursorStatus? cursor) => cursor switch
    {
        null => "the primary's log has not been read yet",
        { Problem: { } problem } => $"the primary's log is not followed: {problem}",
        { ReadSecondsAgo: > SilentSeconds } => "the primary's log cannot be read",
        { BeatSecondsAgo: > SilentSeconds } => "the primary does not write its log's beat: it is down, or what is read is an old copy",
        _ => null,
    };

    private static Condition? OfReader(Peer peer, DateTimeOffset now, long head, ReaderLimits limits)
    {
        var silent = now - peer.LastHeardAt;
        if (silent > s_givenUp && silent > limits.Silence * 2)
            return null;
        var behind = peer.EventId is { } at ? head - at : 0;
        if (silent > limits.Silence || behind > limits.MaxEvents)
            return new(AlertKinds.Secondary, peer.Name, Severities.Critical,
                $"{peer.Name} {(silent > limits.Silence ? "has been silent for too long" : "is too far behind")}: the log is pruned without regard to it, and it will have to compare everything",
                $"start GeoDR at {peer.Name}, or see that it can reach this site", new Dictionary<string, double> { ["silentSeconds"] = Math.Floor(silent.TotalSeconds), ["behind"] = behind });
        return silent <= s_unheard ? null : new(AlertKinds.Secondary, peer.Name, Severities.Warning, $"{peer.Name} is not heard any more",
            $"see that GeoDR runs at {peer.Name} and can reach this site", new Dictionary<string, double> { ["silentSeconds"] = Math.Floor(silent.TotalSeconds), ["behind"] = behind });
    }

    private static Condition Counted(string kind, string severity, long count, string one, string many, string rest, string nextStep) =>
        new(kind, Condition.Site, severity, $"{count.ToString(CultureInfo.InvariantCulture)} {(count == 1 ? one : many)}{rest}", nextStep, new Dictionary<string, double> { ["count"] = count });

    private static string Seconds(double seconds) => seconds switch
    {
        < 120 => string.Create(CultureInfo.InvariantCulture, $"{seconds:0} s"),
        < 7200 => string.Create(CultureInfo.InvariantCulture, $"{seconds / 60:0} min"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{seconds / 3600:0.#} h"),
    };
}
