using System.Globalization;
using GeoDR.Sites;
using GeoDR.Status;

namespace GeoDR.Readiness;

/// <summary>What the facts mean for a promotion: every check with its state, the figure behind it, and the mend. No clock, no call.</summary>
public static class Preflight
{
    private static readonly TimeSpan s_soon = TimeSpan.FromDays(30);
    private static readonly TimeSpan s_clockWarns = TimeSpan.FromSeconds(2);
    // Site tokens live for a minute at most, and registries refuse what is not yet valid.
    private static readonly TimeSpan s_clockFails = TimeSpan.FromSeconds(30);
    private const long LeastFree = 1L << 30;

    public static PreflightReport Judge(PreflightFacts f) => new(f.Site.Name, f.Now,
    [
        Log(f), Rows(f), Loss(f), Verification(f), Comparison(f), .. Registry(f), TokenKey(f), .. Role(f), Differences(f), .. Clocks(f), Room(f), Versions(f), Reach(f), Terms(f),
    ]);

    private static PreflightCheck Log(PreflightFacts f) => f.Status.Loss switch
    {
        null or { ReadSecondsAgo: null } => Fail("log read", "the primary's log has not been read yet", "see to `geodr serve` and Geo:Primary:Log, and wait for the first backfill"),
        { Problem: { } problem } => Fail("log read", problem, "`geodr status` says what to do"),
        { Fresh: true } loss => Pass("log read", $"{Age(loss.ReadSecondsAgo!.Value)} ago, to its end"),
        { WindowSeconds: { } window } => Warn("log read", $"what was pushed in the last {Age(window)} is not known here", "nothing, if the primary is lost; else see why its log cannot be read: `geodr check`"),
        var loss => Warn("log read", $"last read {Age(loss.ReadSecondsAgo!.Value)} ago", "nothing, if the primary is lost; else `geodr check`"),
    };

    private static PreflightCheck Rows(PreflightFacts f)
    {
        var c = f.Status.Counts;
        var figure = Text($"{c.Synced} synced, {c.Pending} pending, {c.Started} started, {c.Failed} failed");
        return f.Status.Loss?.BackfillRunning == true ? Fail("rows", $"{figure}; a backfill is running, so not everything is known yet", "wait for its end: `geodr requests list`")
            : c.Failed > 0 ? Fail("rows", figure, "`geodr failures` says why; a planned promotion is refused while any failed")
            : c.Pending + c.Started > 0 ? Warn("rows", figure, "a planned promotion waits for them, an unplanned one loses what they wait for")
            : Pass("rows", figure);
    }

    private static PreflightCheck Loss(PreflightFacts f)
    {
        if (f.Status.Loss is not { } loss)
            return Warn("loss", "nobody can say", "start `geodr serve`");
        var figure = Text($"{loss.Pushes} known {(loss.Pushes == 1 ? "push is" : "pushes are")} not here{(loss.OldestSeconds is { } oldest ? $", the oldest {Age(oldest)} old" : "")}");
        var passed = loss.Targets.Count(t => t.Passed);
        return passed > 0 ? Fail("loss", Text($"{figure}; {passed} of {loss.Targets.Count} targets are passed"), "`geodr loss` lists them; mend the sync before a planned promotion")
            : loss.Pushes > 0 ? Warn("loss", figure, "`geodr loss` lists them; an unplanned promotion loses them")
            : Pass("loss", figure);
    }

    private static PreflightCheck Verification(PreflightFacts f)
    {
        if (f.Status.Verification is not { } v)
            return Warn("verification", "nothing was looked at", "set Geo:Verification:Automatic to true, or run `geodr verify`");
        var total = f.Status.Counts.Total;
        return v.Damaged > 0 ? Fail("verification", Text($"{v.Damaged} repositories hold something missing or damaged"), "`geodr verify` names it and says what happens next")
            : v.Whole < total ? Warn("verification", v.InWords(total), "run `geodr verify`, and `geodr verify --deep` for every byte")
            : Pass("verification", v.InWords(total));
    }

    private static PreflightCheck Comparison(PreflightFacts f) => f.Site.Comparing is null
        ? Pass("comparison", "none under way")
        : Fail("comparison", "this site still compares what it holds with the primary that it began to follow", "wait until `geodr status` says that it is done");

    private static IEnumerable<PreflightCheck> Registry(PreflightFacts f)
    {
        if (f.Canary.Fault is { } fault)
        {
            yield return Fail("registry", fault, f.Canary.Mend ?? "see to this site's registry");
            yield return Warn("notifications", "cannot be tried while the registry takes no push", "mend the registry first");
            yield break;
        }
        yield return Pass("registry", "takes a push and gives it back");
        const string Mend = "point the registry's notifications at this site, with one of Geo:Notifications:Secrets; see its log";
        yield return !f.Prepared.NeedsNotifications && f.Canary.Notified != true ? Pass("notifications", "comparing is the source here, by Geo:Reconcile:Every")
            : f.Canary.Notified switch
            {
                true => Pass("notifications", Text($"the registry told GeoDR of a push within {Age(f.Canary.Seconds)}")),
                false => Fail("notifications", Text($"the registry did not tell GeoDR of a push within {Age(f.Canary.Seconds)}"), Mend),
                null => Warn("notifications", "nobody can say: no `geodr serve` of this site answers to be told", "start `geodr serve`, and run this again"),
            };
    }

    private static PreflightCheck TokenKey(PreflightFacts f) => f.Prepared switch
    {
        { TokenFault: { } fault } => Fail("token key", fault, "set Geo:Tokens:KeyFile and Geo:Tokens:CertificateFile to a private key and its certificate"),
        { TokenEnds: null } => Warn("token key", "none is set: this site signs no tokens", "set Geo:Tokens where the registries want tokens; nothing where they take names and passwords"),
        { TokenEnds: { } ends } when ends - f.Now < s_soon => Warn("token key", $"its certificate ends on {ends:yyyy-MM-dd}", "make a new certificate, and give it to the registries before that day"),
        { TokenEnds: { } ends } => Pass("token key", $"its certificate ends on {ends:yyyy-MM-dd}"),
    };

    private static IEnumerable<PreflightCheck> Role(PreflightFacts f)
    {
        var p = f.Prepared;
        yield return p.SiteKeyFault is { } fault ? Fail("site key", fault, "make one with `geodr key new`, set Geo:Site:KeyFile, and give the public key to the other sites") : Pass("site key", "signs");
        yield return p.MayPromote ? Pass("right to promote", "given") : Fail("right to promote", "Geo:Failover:MayPromote is false", "set it to true here, and Geo:Peers:NAME:MayPromote at the other sites, if this site is meant to take over");
        yield return p.Secrets > 0 ? Pass("notification secrets", Text($"{p.Secrets} accepted"))
            : p.NeedsNotifications ? Fail("notification secrets", "none is set: the intake would refuse every notification", "set Geo:Notifications:Secrets to what this site's registry sends")
            : Pass("notification secrets", "none, and comparing is the source");
        yield return p.Admins.Count > 0 ? Pass("administrators", string.Join(", ", p.Admins)) : Fail("administrators", "nobody can sign in here as admin", "`geodr user add NAME --role admin`");
        yield return p.Partial.Count == 0 ? Pass("filters", "none: this site holds everything")
            : Fail("filters", $"{string.Join(", ", p.Partial)}: this site holds a part, or under other names", "promote another site, or take the filter away and wait for the backfill; clients will not find what was left out");
        yield return p.AlertTargets.Count > 0 ? Pass("alert targets", string.Join(", ", p.AlertTargets)) : Warn("alert targets", "nobody is told of alerts here", "set Geo:Alerts:Webhook or Geo:Alerts:Mail");
        yield return p.HasUnfenceCommand ? Pass("clients", "Geo:Failover:UnfenceCommand lets them in here")
            : p.HasFenceCommand ? Fail("clients", "Geo:Failover:FenceCommand is set here and Geo:Failover:UnfenceCommand is not", "set Geo:Failover:UnfenceCommand: what was fenced here must be let in by a promotion")
            : Warn("clients", "no Geo:Failover:UnfenceCommand is set: a promotion moves no client", "set it, or have a load balancer go by /healthz/primary");
    }

    private static PreflightCheck Differences(PreflightFacts f)
    {
        if (f.Sites.FirstOrDefault(s => s.Name == f.Primary)?.Settings is not { } there)
            return Warn("settings", $"{f.Primary ?? "the primary"} has not said what is set there", "compare by hand: `geodr settings` at both sites");
        var differ = SettingsCompared.Differences(f.Settings, there);
        return differ.Count == 0 ? Pass("settings", $"as at {f.Primary}, where the two can be compared") : Warn("settings", string.Join("; ", differ), "make them equal, unless they are meant to differ");
    }

    private static IEnumerable<PreflightCheck> Clocks(PreflightFacts f)
    {
        yield return Clock("clock against the database", f.Room.ClockAhead);
        if (f.Sites.FirstOrDefault(s => s.Name == f.Primary)?.ClockAhead is { } ahead)
            yield return Clock($"clock against {f.Primary}", ahead);
    }

    private static PreflightCheck Clock(string name, TimeSpan ahead)
    {
        var figure = Text($"{ahead.Duration().TotalSeconds:0.0} s apart");
        const string Mend = "set both machines' clocks by NTP; tokens are refused when they differ";
        return ahead.Duration() > s_clockFails ? Fail(name, figure, Mend) : ahead.Duration() > s_clockWarns ? Warn(name, figure, Mend) : Pass(name, figure);
    }

    private static PreflightCheck Room(PreflightFacts f)
    {
        var size = $"{Size(f.Room.Bytes)} in use";
        // A database on another machine does not say how much room it has.
        if (f.Room.Free is not { } free)
            return Warn("database room", $"{size}; how much is free cannot be seen from here", "look at the database's machine: the log and what is kept grow there");
        var figure = $"{size}, {Size(free)} free";
        return free < LeastFree / 4 ? Fail("database room", figure, "make room: a primary that cannot write its log takes no push")
            : free < LeastFree || free < f.Room.Bytes / 2 ? Warn("database room", figure, "make room, or shorten Geo:Retention and Geo:Log") : Pass("database room", figure);
    }

    private static string Size(long bytes) => bytes < 1L << 30 ? Text($"{bytes / 1048576.0:0.#} MiB") : Text($"{bytes / 1073741824.0:0.#} GiB");

    private static PreflightCheck Versions(PreflightFacts f)
    {
        var others = f.Sites.Where(s => s.Version is { Length: > 0 } v && v != f.Status.Version).Select(s => $"{s.Name} {s.Version}").ToList();
        var silent = f.Sites.Where(s => string.IsNullOrEmpty(s.Version)).Select(s => s.Name).ToList();
        return others.Count > 0 ? Warn("versions", $"{f.Status.Version} here, {string.Join(", ", others)}", "install one version at all sites")
            : silent.Count > 0 ? Warn("versions", $"{f.Status.Version} here; of {string.Join(", ", silent)} none is known", "ask there: `geodr status`")
            : Pass("versions", f.Sites.Count == 0 ? $"{f.Status.Version} here" : $"{f.Status.Version} at all sites");
    }

    private static PreflightCheck Reach(PreflightFacts f)
    {
        var silent = f.Sites.Where(s => s.Error is not null).ToList();
        return f.Sites.Count == 0 ? Warn("sites", "no other site is known here", "name them in Geo:Peers:NAME, with Url and PublicKeyFile: nobody else would hear of a promotion")
            : silent.Count == 0 ? Pass("sites", $"{string.Join(", ", f.Sites.Select(s => $"{s.Name} ({s.Role})"))}")
            : Warn("sites", string.Join("; ", silent.Select(s => $"{s.Name}: {s.Error}")),
                silent.Any(s => s.Name == f.Primary) ? $"if {f.Primary} is lost, promote; fence its clients if it may still live" : "see to them: they hear of a promotion only when they answer");
    }

    private static PreflightCheck Terms(PreflightFacts f)
    {
        var valid = f.Terms.Where(t => t.Rejected is null).ToList();
        if (valid.Count == 0)
            return Warn("terms", "none is known yet", "the primary makes the first when it starts with Geo:Site:KeyFile; see that it answers");
        var epoch = valid.Max(t => t.Epoch);
        var newest = valid.Where(t => t.Epoch == epoch).ToList();
        var follows = f.Site.Follows ?? f.Primary;
        return newest.Count > 1 ? Fail("terms", Text($"{string.Join(" and ", newest.Select(t => t.Site))} were promoted in the same epoch {epoch}"), "choose one with `geodr term choose`, at both sites")
            : follows is not null && newest[0].Site != follows && f.Site.NewerSite is { } newer && newer != follows
                ? Fail("terms", Text($"{newer} was promoted in epoch {epoch}, and this site follows {follows}"), $"see why it does not follow {newer}: `geodr status`, `geodr term list`")
            : Pass("terms", Text($"epoch {epoch}, {newest[0].Site}"));
    }

    private static string Age(double seconds) => seconds < 120 ? Text($"{Math.Max(0, seconds):0.#} s") : seconds < 7200 ? Text($"{seconds / 60:0} min") : Text($"{seconds / 3600:0} h");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static PreflightCheck Pass(string name, string figure) => new(name, CheckStates.Pass, figure, null);

    private static PreflightCheck Warn(string name, string figure, string mend) => new(name, CheckStates.Warn, figure, mend);

    private static PreflightCheck Fail(string name, string figure, string mend) => new(name, CheckStates.Fail, figure, mend);
}
