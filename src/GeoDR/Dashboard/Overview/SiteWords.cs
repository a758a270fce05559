using System.Globalization;
using GeoDR.Sites;
using GeoDR.Status;
using Radzen;

namespace GeoDR.Dashboard.Overview;

/// <summary>A site's figures in words; no Blazor here but its colours.</summary>
public static class SiteWords
{
    public static BadgeStyle HealthStyle(string health) => health switch
    {
        "healthy" => BadgeStyle.Success,
        "degraded" or "paused" => BadgeStyle.Warning,
        "unhealthy" or "offline" => BadgeStyle.Danger,
        _ => BadgeStyle.Light,
    };

    /// <summary>Why it is not healthy, and what else is to be known about it.</summary>
    public static IReadOnlyList<string> Why(SiteRow row) => [.. row.Notes, .. row.Figures?.Reasons ?? []];

    /// <summary>Name and value, in the order in which they are shown. What nobody said is left out.</summary>
    public static IReadOnlyList<(string Name, string Value)> Facts(SiteRow row)
    {
        var facts = new List<(string, string)>();
        var f = row.Figures;
        if (row.EventId is { } at)
            facts.Add(("Log", $"event {Display.Number(at)}"));
        if (row.Role == Site.Secondary)
        {
            if (row.LagEvents is { } lag)
                facts.Add(("Lag", lag == 0 ? "none" : $"{Display.Number(lag, "event", "events")}{(f?.LagSeconds is { } s ? $", {Display.Age(s)}" : "")}"));
            if (row.SyncedPercent is { } percent)
                facts.Add(("Synced", string.Create(CultureInfo.InvariantCulture, $"{percent:0.#} %")));
            if (f is not null)
            {
                facts.Add(("Oldest push not there", f.OldestUnsyncedSeconds is { } age ? Display.Age(age) : "none"));
                facts.Add(("Waiting", f.ReferencesWaiting == 0 ? "nothing" : $"{Display.Number(f.ReferencesWaiting, "reference", "references")}, {Display.BytesWaiting(f.BytesWaiting, f.ReferencesWaiting)}"));
                if (f.Throughput is { } t)
                    facts.Add(("Throughput, 5 min", string.Create(CultureInfo.InvariantCulture, $"{t.RepositoriesPerMinute:0.#} per min, {Display.Bytes((long)t.BytesPerSecond)}/s")));
                facts.Add(("Catch-up", f.CatchUpSeconds is { } left ? $"about {Display.Age(left)}" : "–"));
                if (f.Verified is { } well)
                    facts.Add(("Verified", $"{Display.Number(well)} well{(f.Damaged > 0 ? $", {Display.Number(f.Damaged.Value)} damaged" : "")}"));
                facts.Add(("Workers", Display.Number(f.Workers)));
            }
        }
        if (f is { OpenAlerts: > 0 })
            facts.Add(("Alerts", Display.Number(f.OpenAlerts)));
        if (row.Epoch is { } epoch)
            facts.Add(("Promoted in", $"epoch {epoch}"));
        facts.Add(("May promote", row.MayPromote ? "yes" : "no"));
        if (row.Version is { Length: > 0 } version)
            facts.Add(("Version", version));
        return facts;
    }
}
