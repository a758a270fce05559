using System.Reflection;
using GeoDR.Inventory;
using GeoDR.Reconcile;
using GeoDR.Sites;
using GeoDR.SyncState;
using GeoDR.Verification;
using Npgsql;

namespace GeoDR.Status;

/// <summary>Reads a site's status: one model behind dashboard, API, command line and heartbeat.</summary>
public sealed class StatusReader(NpgsqlDataSource source, TimeProvider time)
{
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
        var compared = await ComparedAsync(cancel);
        var silent = await new Silence(source).AlarmAsync(cancel);
        var loss = site.IsPrimary ? null : await new LossReader(source).SummaryAsync(cancel);
        var verification = site.IsPrimary ? null : await VerificationCoverage.ReadAsync(source, cancel);
        await using var command = source.CreateCommand("""
            select
                (select count(*) from repository where state = 0), (select count(*) from repository where state = 1),
                (select count(*) from repository where state = 2), (select count(*) from repository where state = 3),
                (select count(*) from waiting_reference), (select least(coalesce(sum(bytes), 0), 9223372036854775807)::bigint from waiting_reference),
                (select extract(epoch from clock_timestamp() - min(since))::float8 from waiting_reference where event_id > 0),
                (select count(*) from waiting_deletion), (select count(*) from divergent_write),
                (select count(*) from worker where lease_until > clock_timestamp()),
                (select count(*) from repository where last_synced_at > clock_timestamp() - interval '5 minutes'),
                (select count(*) from quarantine),
                c.log_id, c.event_id, c.head, c.lag_seconds,
                extract(epoch from clock_timestamp() - c.read_at)::float8, c.beat_age, c.problem,
                l.id, l.floor, (select max(id) from event),
                (select extract(epoch from clock_timestamp() - received_at)::float8 from event order by id desc limit 1),
                extract(epoch from clock_timestamp() - l.beat_at)::float8,
                (select count(*) from waiting_deletion where hold = 'brake'), (select count(*) from waiting_deletion where hold in ('repository', 'refused', 'divergent')),
                (select count(*) from alert where ended_at is null and raised_at is not null)
            from (values (1)) as one(x) left join cursor c on true left join log l on true
            """);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        var counts = new StateCounts(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3));
        var cursor = ReadCursor(reader);
        var log = ReadLog(reader);
        var workers = (int)reader.GetInt64(9);
        var (health, reasons) = Judge(site, counts, cursor, log, workers, outages, requests, reader.GetInt64(8), verification?.Damaged ?? 0,
            reader.GetInt64(24), reader.GetInt64(25));
        if (compared.Last is { Status: "failed" } broken)
            (health, reasons) = (health == "healthy" ? "degraded" : health, [.. reasons, $"the last comparison ({broken.Reason}) could not be completed: {broken.Message}"]);
        if (site.IsPrimary && silent is not null)
            (health, reasons) = (health == "healthy" ? "degraded" : health, [.. reasons, silent.InWords]);
        if (loss?.Targets.Count(t => t.Passed) is > 0 and var passed)
            (health, reasons) = (health == "healthy" ? "degraded" : health, [.. reasons, $"{passed} of {loss.Targets.Count} targets of what may be lost are passed"]);
        var left = counts.Pending + counts.Started;
        var pace = reader.GetInt64(10) / 300d;
        return new SiteStatus(
            site.Name, site.Role, Version, 0, site.Paused, health, reasons, counts,
            site.IsPrimary ? null : cursor, site.IsPrimary ? log : null,
            reader.IsDBNull(6) ? null : reader.GetDouble(6), reader.GetInt64(5), reader.GetInt64(4), reader.GetInt64(7),
            left == 0 || pace <= 0 ? null : left / pace, reader.GetInt64(8), workers, outages, requests, peers, time.GetUtcNow())
        { Verification = verification, Reconcile = compared, Loss = loss, OpenAlerts = reader.GetInt64(26) };
    }

    private async Task<ReconcileStatus> ComparedAsync(CancellationToken cancel)
    {
        var runs = await new ReconcileRuns(source).ListAsync(5, cancel);
        var (repositories, read, oldest) = await new Fingerprints(source).CoverageAsync(time.GetUtcNow().AddDays(-1), cancel);
        return new(runs.FirstOrDefault(r => r.StartedAt is not null), repositories, read, oldest);
    }

    private static CursorStatus? ReadCursor(NpgsqlDataReader row) => row.IsDBNull(12) ? null : new(
        row.GetGuid(12), row.GetInt64(13), row.GetInt64(14), Math.Max(0, row.GetInt64(14) - row.GetInt64(13)), row.GetDouble(15),
        row.GetDouble(16), row.GetDouble(17) + row.GetDouble(16), row.IsDBNull(18) ? null : row.GetString(18));

    private static LogStatus? ReadLog(NpgsqlDataReader row) => row.IsDBNull(19) ? null : new(
        row.GetGuid(19), row.IsDBNull(21) ? 0 : row.GetInt64(21), row.GetInt64(20), row.IsDBNull(22) ? null : row.GetDouble(22),
        row.GetInt64(11), row.GetDouble(23));

    /// <summary>A site is as well as the worst thing about it; every reason is said.</summary>
    private static (string Health, IReadOnlyList<string> Reasons) Judge(
        Site site, StateCounts counts, CursorStatus? cursor, LogStatus? log, int workers,
        IReadOnlyList<Outage> outages, IReadOnlyList<Request> requests, long divergent, long damaged, long braked, long heldDeletions)
    {
        var (bad, weak) = (new List<string>(), new List<string>());
        if (site.IsPrimary)
        {
            if (log is null || log.BeatSecondsAgo > s_silent.TotalSeconds)
                bad.Add("no intake has been alive for 30 s: start `geodr serve`");
            if (log?.Quarantined > 0)
                weak.Add($"{log.Quarantined} notifications could not be understood");
            return Health(site, bad, weak);
        }
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
            weak.Add($"{counts.Failed} repositories failed");
        if (damaged > 0)
            weak.Add($"{damaged} repositories hold something missing or damaged: `geodr verify` names it");
        if (requests.Any(r => r.Kind == "backfill"))
            weak.Add("a backfill is running: not everything is known yet");
        if (divergent > 0)
            weak.Add($"{divergent} pushes came to this site where nobody should push");
        if (braked > 0)
            weak.Add($"the brake holds {braked} deletions: look with `geodr deletions list`, then release or keep them");
        if (heldDeletions > 0)
            weak.Add($"{heldDeletions} deletions wait for an operator: `geodr deletions list` says why");
        return Health(site, bad, weak);
    }

    private static (string, IReadOnlyList<string>) Health(Site site, List<string> bad, List<string> weak) =>
        (bad.Count > 0 ? "unhealthy" : site.Paused ? "paused" : weak.Count > 0 ? "degraded" : "healthy", [.. bad, .. weak]);
}
