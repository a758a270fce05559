using System.Text.Json;
using GeoDR.Status;

namespace GeoDR.Readiness;

/// <summary>Something that a client could not have pulled.</summary>
/// <param name="Tag">Null where the repository as a whole could not be read.</param>
public sealed record PullProblem(string Repository, string? Tag, string What);

/// <summary>What was pulled, every byte hashed.</summary>
/// <param name="Blobs">Read and hashed, each once however many images share it.</param>
/// <param name="Shared">Blobs that another image had read already: asked for only.</param>
/// <param name="Changing">References that waited for the sync or that it was changing meanwhile: neither well nor wrong.</param>
public sealed record PullCounts(long Repositories, long Tags, long Manifests, long Blobs, long Shared, long Bytes, long Changing);

/// <summary>The intake, tried with a notification that was taken back again.</summary>
/// <param name="Fault">Why it would not have been taken; null when it would.</param>
/// <param name="Seconds">From the envelope to the log, without the commit to the disk.</param>
public sealed record IntakeTrial(string? Fault, double Seconds);

/// <summary>A part of the time from the promotion's command to the first push that the new primary takes.</summary>
/// <param name="Seconds">Null where it cannot be told.</param>
/// <param name="Basis">"measured", "estimated", "set" or "unknown": how the number came about.</param>
public sealed record RecoveryPart(string Name, double? Seconds, string Basis, string Detail);

/// <summary>The recovery time that a promotion would take, from what can be measured without doing it.</summary>
/// <param name="Planned">At least: with the drain, without the comparison at the primary. Null where a part that counts is not known.</param>
/// <param name="Unplanned">Null where a part that counts is not known.</param>
public sealed record Recovery(IReadOnlyList<RecoveryPart> Parts, double? Planned, double? Unplanned);

/// <summary>What a drill came to.</summary>
/// <param name="Known">Repositories that hold a tag here.</param>
/// <param name="Asked">How many were to be pulled; null for all.</param>
/// <param name="Via">By which way: the clients' or the own one.</param>
/// <param name="MoreProblems">Beyond those that are listed.</param>
public sealed record DrillReport(
    string Site, string Version, string By, DateTimeOffset StartedAt, double Seconds, long Known, int? Asked, string Via, PullCounts Pulled,
    IReadOnlyList<PullProblem> Problems, long MoreProblems, IntakeTrial Intake, LossSummary? Loss, Recovery Recovery)
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    /// <summary>Clients would get everything that was tried, and the intake would take notifications.</summary>
    public bool Passed => Problems.Count == 0 && Intake.Fault is null;

    public string ToJson() => JsonSerializer.Serialize(this, s_json);

    public static DrillReport Parse(string json) => JsonSerializer.Deserialize<DrillReport>(json, s_json)!;
}
