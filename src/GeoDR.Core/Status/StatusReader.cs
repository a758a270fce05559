using System.Reflection;
using GeoDR.Reconcile;
using GeoDR.Sites;
using GeoDR.SyncState;
using GeoDR.Verification;
using Npgsql;

namespace GeoDR.Status;

/// <summary>
/// Reads a site's status: one model behind dashboard, API, command line and heartbeat. What is counted over whole tables is read once for
/// all who ask within a second or two, and says its age; everything else is as it is now.
/// </summary>
public sealed class StatusReader(NpgsqlDataSource source, TimeProvider time, LossReader? loss = null)
{
    private readonly LossReader _loss = loss ?? new(source, time);
    private readonly SharedReading<SiteCounts> _counts = new(cancel => SiteCounts.ReadAsync(source, time, cancel), time);

    private static readonly TimeSpan s_silent = TimeSpan.FromSeconds(30);

    /// <summary>The program's version.</summary>
    public static string Version { get; } =
        typeof(StatusReader).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    /// <summary>Null before the site's first start.</summary>
    public async Task<SiteStatus?> ReadAsync(CancellationToken cancel)
    {
        if (await new SiteStore(source).ReadAsync(cancel) is not { } site)
            return null;
        var outages = await new Outages(source).ListAsync(cancel);
        var requests = await new Requests(source).ListAsync(running: true, 20, cancel);
        var peers = await new PeerStore(source).ListAsync(cancel);
        var (count, age) = await _counts.GetAsync(cancel);
        var compared = new ReconcileStatus(
            (await new ReconcileRuns(source).ListAsync(5, cancel)).FirstOrDefault(r => r.StartedAt is not null),
            count.Compared.Repositories, count.Compared.Read, count.Compared.Oldest);
        var lost = site.IsPrimary ? null : await _loss.SummaryAsync(cancel);
        var kept = site.IsPrimary ? await LogKeeping.ReadAsync(source, cancel) : null;
        var silent = await new Silence(source).AlarmAsync(cancel);
        await using var command = source.CreateCommand("""
            select c.log_id, c.event_id, c.head, c.lag_seconds, extract(epoch from clock_timestamp() - c.read_at)::float8, c.beat_age, c.problem,
                l.id, l.floor, (select max(id) from event),
                (select extract(epoch from clock_timestamp() - received_at)::float8 from event order by id desc limit 1),
                extract(epoch from clock_timestamp() - l.beat_at)::float8, (select count(*) from worker where lease_until > clock_timestamp()),
                (select count(*) from alert where ended_at is null and raised_at is not null)
            from (values (1)) as one(x) left join cursor c on true left join log l on true
            """);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        var (counts, cursor, log, workers) = (count.States, ReadCursor(reader), ReadLog(reader, count.Quarantined), (int)reader.GetInt64(12));
        var verification = site.IsPrimary ? null : count.Verification;
        var (health, reasons) = Judge(site, counts, cursor, log, workers, outages, requests, count.Divergent, verification?.Damaged ?? 0,
            count.Braked, count.HeldDeletions, count.Paused);
        if (compared.Last is { Status: "failed" } broken)
            (health, reasons) = (health == "healthy" ? "degraded" : health, [.. reasons, $"the last comparison ({broken.Reason}) could not be completed: {broken.Message}"]);
        if (site.IsPrimary && silent is not null)
            (health, reasons) = (health == "healthy" ? "degraded" : health, [.. reasons, silent.InWords]);
        if (lost?.Targets.Count(t => t.Passed) is > 0 and var passed)
            (health, reasons) = (health == "healthy" ? "degraded" : health, [.. reasons, $"{passed} of {lost.Targets.Count} targets of what may be lost are passed"]);
        if (kept?.Readers.Where(r => r.LetGoAt is not null || r.Pruned).Select(r => r.Words!).ToList() is { Count: > 0 } readers)
            (health, reasons) = (health == "healthy" ? "degraded" : health, [.. reasons, .. readers]);
        var left = counts.Pending + counts.Started;
        var pace = count.SyncedLately / 300d;
        return new SiteStatus(
            site.Name, site.Role, Version, site.Epoch, site.Paused, health, reasons, counts,
            site.IsPrimary ? null : cursor, site.IsPrimary ? log : null, lost?.OldestSeconds, count.Bytes, count.References, count.Deletions,
            left == 0 || pace <= 0 ? null : left / pace, count.Divergent, workers, outages, requests, peers, time.GetUtcNow())
        { FencedBy = site.IsFenced ? site.NewerSite ?? site.Rival : null, Verification = verification, Throughput = site.IsPrimary ? null : new(pace * 60, count.BytesLately / 300d), Reconcile = compared, Loss = lost, LogKept = kept, OpenAlerts = reader.GetInt64(13), CountedSecondsAgo = age.TotalSeconds };
    }

    private static CursorStatus? ReadCursor(NpgsqlDataReader row) => row.IsDBNull(0) ? null : new(
        row.GetGuid(0), row.GetInt64(1), row.GetInt64(2), Math.Max(0, row.GetInt64(2) - row.GetInt64(1)), row.GetDouble(3),
        row.GetDouble(4), row.GetDouble(5) + row.GetDouble(4), row.IsDBNull(6) ? null : row.GetString(6));

    private static LogStatus? ReadLog(NpgsqlDataReader row, long quarantined) => row.IsDBNull(7) ? null : new(
        row.GetGuid(7), row.IsDBNull(9) ? 0 : row.GetInt64(9), row.GetInt64(8), row.IsDBNull(10) ? null : row.GetDouble(10), quarantined, row.GetDouble(11));

    /// <summary>A site is as well as the worst thing about it; every reason is said.</summary>
    private static (string Health, IReadOnlyList<string> Reasons) Judge(
        Site site, StateCounts counts, CursorStatus? cursor, LogStatus? log, int workers,
        IReadOnlyList<Outage> outages, IReadOnlyList<Request> requests, long divergent, long damaged, long braked, long heldDeletions, long paused)
    {
        var (bad, weak) = (new List<string>(), new List<string>());
        if (site.IsPrimary)
        {
            if (site.NewerSite is { } newer)
                bad.Add($"{newer} was promoted in epoch {site.NewerEpoch} and this primary is fenced: run `geodr demote` here, or `geodr site revoke {newer}` if it had no right to it");
            if (site.Rival is { } rival)
                bad.Add($"{rival} was promoted in the same epoch, both are fenced: choose which stays with `geodr term choose`");
            if (site.Handover is not null)
                weak.Add("clients are fenced for a planned promotion: `geodr unfence` lets them in");
            if (log is null || log.BeatSecondsAgo > s_silent.TotalSeconds)
                bad.Add("no intake has been alive for 30 s: start `geodr serve`");
            if (log?.Quarantined > 0)
                weak.Add($"{Many(log.Quarantined, "notification")} could not be understood: `geodr quarantine list` says why");
            return Health(site, bad, weak);
        }
        if (site.Comparing is not null)
            weak.Add("what is here is being compared with the new primary, and nothing is copied until that is done");
        if (cursor is null)
            bad.Add("the primary's log has not been read yet");
        else
        {
            if (cursor.Problem is { } problem)
                bad.Add(problem);
            if (cursor.ReadSecondsAgo > s_silent.TotalSeconds)
                bad.Add($"the primary's log was last read {cursor.ReadSecondsAgo:0} s ago");
            else if (cursor.BeatSecondsAgo > s_silent.TotalSeconds)
                bad.Add($"the primary has not written its log's beat for {cursor.BeatSecondsAgo:0} s");
        }
        foreach (var outage in outages)
            bad.Add($"the {outage.Peer} is {outage.Kind}: {outage.Detail}");
        if (workers == 0)
            bad.Add("no worker is alive: start `geodr serve` or `geodr worker`");
        if (counts.Failed > 0)
            weak.Add($"{Repositories(counts.Failed)} failed: `geodr failures` says why");
        if (damaged > 0)
            weak.Add($"{Repositories(damaged)} {(damaged == 1 ? "holds" : "hold")} something missing or damaged: `geodr verify` names it");
        if (requests.Any(r => r.Kind == "backfill"))
            weak.Add("a backfill is running: not everything is known yet");
        if (divergent > 0)
            weak.Add($"{Many(divergent, "push", "pushes")} came to this site, where nobody should push");
        if (paused > 0)
            weak.Add($"an operator holds the sync of {Repositories(paused)}: `geodr repository resume NAME` lets it go on");
        if (braked > 0)
            weak.Add($"the brake holds {Many(braked, "deletion")}: look with `geodr deletions list`, then release or keep them");
        if (heldDeletions > 0)
            weak.Add($"{Many(heldDeletions, "deletion")} {(heldDeletions == 1 ? "waits" : "wait")} for an operator: `geodr deletions list` says why");
        return Health(site, bad, weak);
    }

    private static string Repositories(long count) => Many(count, "repository", "repositories");

    private static string Many(long count, string one, string? many = null) => count == 1 ? $"1 {one}" : $"{count} {many ?? one + "s"}";

    private static (string, IReadOnlyList<string>) Health(Site site, List<string> bad, List<string> weak) =>
        (bad.Count > 0 ? "unhealthy" : site.Paused ? "paused" : weak.Count > 0 ? "degraded" : "healthy", [.. bad, .. weak]);
}
