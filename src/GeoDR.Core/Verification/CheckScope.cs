using GeoDR.Sync;

namespace GeoDR.Verification;

/// <summary>How much a check looks at.</summary>
public enum CheckScope
{
    /// <summary>The tags that were written since the last check, and all below them.</summary>
    Changed = 0,
    /// <summary>Everything that is there, its sizes, and the tags at the primary.</summary>
    Whole = 1,
    /// <summary>The same, and every blob is read and hashed.</summary>
    Deep = 2,
}

/// <summary>When a check is due.</summary>
/// <param name="Automatic">False: only what is asked for is checked, and what was repaired.</param>
/// <param name="Every">Everything, shallow.</param>
/// <param name="DeepEvery">Everything, its bytes too.</param>
public sealed record VerificationPlan(bool Automatic, TimeSpan Every, TimeSpan DeepEvery)
{
    public static VerificationPlan Default { get; } = new(true, TimeSpan.FromDays(7), TimeSpan.FromDays(30));
}

/// <summary>One repository in the hands of one worker that checks it.</summary>
/// <param name="Since">Where only changes are looked at: from when on.</param>
/// <param name="Suspects">Tags and digests found bad by an earlier check and not well since.</param>
public sealed record ClaimedCheck(
    long Id, string Name, long Token, CheckScope Scope, DateTimeOffset? Since, IReadOnlySet<string> Suspects);

/// <summary>What is wrong with a tag, a manifest or a blob.</summary>
public enum DamageKind
{
    /// <summary>The registry has no such tag, manifest or blob.</summary>
    Missing,
    /// <summary>A tag points to something else than was written.</summary>
    WrongTag,
    /// <summary>A tag is not what the primary has, and nothing waits to change that.</summary>
    Behind,
    /// <summary>The bytes are not those of the digest.</summary>
    Damaged,
    /// <summary>The registry answers an error for it, and is well otherwise.</summary>
    Unreadable,
}

/// <summary>Where a finding hangs: a tag and the digest it was to have, or an untagged manifest's digest twice.</summary>
/// <param name="Digest">Null where the inventory has no such tag.</param>
public sealed record FoundUnder(string Reference, string? Digest);

/// <summary>Something that is not as it must be.</summary>
/// <param name="Subject">A tag, or a digest.</param>
public sealed record Finding(string Subject, DamageKind Kind, string Detail, IReadOnlyList<FoundUnder> Under);

/// <summary>What a check looked at.</summary>
/// <param name="Bytes">Read from the own registry.</param>
/// <param name="Requests">To both registries.</param>
public sealed record CheckCounts(long Tags, long Manifests, long Blobs, long Bytes, long Requests);

/// <summary>What a check came to.</summary>
/// <param name="Looked">Of the claim's suspects, those that were looked at.</param>
/// <param name="Gone">Untagged manifests that neither registry has any more: the inventory forgets them.</param>
/// <param name="PrimaryAsked">False where the primary's registry did not answer.</param>
public sealed record CheckResult(
    IReadOnlyList<Finding> Findings, IReadOnlySet<string> Looked, IReadOnlyList<string> Gone, CheckCounts Counts, bool PrimaryAsked);

/// <summary>What may be read for verification, over all processes of the site, so that clients notice nothing of it.</summary>
/// <remarks>Tokens of time as the sync's bandwidth uses them: a request is one of them, as a byte is.</remarks>
public sealed class VerificationBudget(double? requestsPerSecond, double? bytesPerSecond, TimeProvider time)
{
    private readonly Bandwidth _requests = new(new BandwidthPlan(requestsPerSecond, []), time);
    private readonly Bandwidth _bytes = new(new BandwidthPlan(bytesPerSecond, []), time);

    /// <summary>How many living worker processes share it.</summary>
    public void SharedBy(int processes)
    {
        _requests.SharedBy(processes);
        _bytes.SharedBy(processes);
    }

    public ValueTask RequestAsync(CancellationToken cancel) => _requests.TakeAsync(1, cancel);

    public ValueTask BytesAsync(int bytes, CancellationToken cancel) => _bytes.TakeAsync(bytes, cancel);
}
