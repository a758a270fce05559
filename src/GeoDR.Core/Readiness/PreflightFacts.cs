using GeoDR.Failover;
using GeoDR.Sites;
using GeoDR.Status;

namespace GeoDR.Readiness;

/// <summary>Another site, asked just now.</summary>
/// <param name="Error">Why it did not answer; null when it did.</param>
/// <param name="Role">As it says; null where it did not answer.</param>
/// <param name="Version">Of its program, as last heard; null where it never said.</param>
/// <param name="ClockAhead">By how much its clock is ahead of this machine's; null where it did not say.</param>
/// <param name="Settings">What is set there, as <see cref="SettingsCompared"/> names it; null where it never said.</param>
public sealed record SiteAnswer(
    string Name, string? Error, string? Role, string? Version, TimeSpan? ClockAhead, IReadOnlyDictionary<string, string>? Settings);

/// <summary>What came of a canary that was pushed into this site's registry.</summary>
/// <param name="Fault">Why the registry did not take it and give it back; null when it did.</param>
/// <param name="Mend">What to do about that.</param>
/// <param name="Notified">Whether GeoDR was told of it; null where nothing says so and it may have been (no `geodr serve` of this site answers).</param>
/// <param name="Seconds">From the push until GeoDR was told, or until the wait was over.</param>
public sealed record CanaryOutcome(string? Fault, string? Mend, bool? Notified, double Seconds);

/// <summary>The database of this site.</summary>
/// <param name="Bytes">Of the database.</param>
/// <param name="Free">Bytes free where it lies; null where that cannot be seen from here.</param>
/// <param name="ClockAhead">By how much its clock is ahead of this machine's.</param>
public sealed record DatabaseRoom(long Bytes, long? Free, TimeSpan ClockAhead);

/// <summary>What the settings and the database hold for the role of a primary.</summary>
/// <param name="TokenFault">Why the token key cannot be used.</param>
/// <param name="TokenEnds">When its certificate ends; null where this site signs no tokens.</param>
/// <param name="SiteKeyFault">Why the site's own key cannot be used; null when it can.</param>
/// <param name="Partial">Settings by which this site holds only a part, or under other names.</param>
/// <param name="AlertTargets">Whom alerts go to, in words.</param>
public sealed record Prepared(
    int Secrets, IReadOnlyList<string> Admins, string? TokenFault, DateTimeOffset? TokenEnds, string? SiteKeyFault, bool MayPromote, bool HasUnfenceCommand,
    bool HasFenceCommand, IReadOnlyList<string> Partial, IReadOnlyList<string> AlertTargets, bool NeedsNotifications);

/// <summary>Everything a preflight looks at, read once; what it means is <see cref="Preflight"/>'s.</summary>
/// <param name="Primary">The site that this one follows; null where it has no name here.</param>
/// <param name="Settings">This site's, as <see cref="SettingsCompared"/> names them.</param>
public sealed record PreflightFacts(
    Site Site, SiteStatus Status, string? Primary, IReadOnlyList<KnownTerm> Terms, IReadOnlyList<SiteAnswer> Sites, CanaryOutcome Canary, DatabaseRoom Room,
    Prepared Prepared, IReadOnlyDictionary<string, string> Settings, DateTimeOffset Now);
