using System.Text.Json;
using GeoDR.Status;

namespace GeoDR.Failover;

/// <summary>One step of a promotion or demotion.</summary>
/// <param name="Outcome">What came of it, in words.</param>
public sealed record ReportStep(string Name, DateTimeOffset At, double Seconds, string Outcome);

/// <summary>What was done, when, what was lost and what was decided: kept with the run, and read by people.</summary>
/// <param name="From">The primary before.</param>
/// <param name="Loss">What was stated as lost when the promotion was confirmed; null where nothing could be.</param>
public sealed record Report(string Site, string? From, bool Planned, string By, LossSummary? Loss, IReadOnlyList<LostPush> Lost, IReadOnlyList<ReportStep> Steps)
{
    /// <summary>More lost pushes than are listed, were kept out of the report; the list itself stands in the database.</summary>
    public const int MostLost = 10_000;

    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    public string ToJson() => JsonSerializer.Serialize(this, s_json);

    public static Report Parse(string json) => JsonSerializer.Deserialize<Report>(json, s_json)!;
}
