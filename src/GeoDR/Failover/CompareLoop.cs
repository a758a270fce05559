using GeoDR.Configuration;
using GeoDR.Hosting;
using GeoDR.Inventory;
using GeoDR.Reconcile;
using GeoDR.Registry;
using GeoDR.Sites;
using Npgsql;

namespace GeoDR.Failover;

/// <summary>
/// (secondary) Before a site copies anything from a primary that it has just begun to follow: what it holds is compared, and what
/// only it has is listed and kept. Then the difference is marked to be copied. One node at a time; another begins anew.
/// </summary>
internal sealed partial class CompareLoop(
    GeoSettings settings, SiteWatch watch, NpgsqlDataSource source, OwnRegistry own, PrimaryRegistry primary, InventoryStore inventory, Fingerprints fingerprints,
    IPrimaryInventory peer, DivergentTags divergent, ILogger<CompareLoop> logger, TimeProvider time)
    : IntervalLoop(TimeSpan.FromMilliseconds(500), logger, time)
{
    private const long LockKey = 0x67656F6472_02;
    private const int AtOnce = 8;

    protected override string Name => "the comparison with the new primary";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        if (watch.Current?.Comparing is null)
            return false;
        // Session level: it is free as soon as its node is gone.
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using (var take = new NpgsqlCommand($"select pg_try_advisory_lock({LockKey})", connection))
            if (!(bool)(await take.ExecuteScalarAsync(cancel))!)
                return false;
        try
        {
            await using var read = new NpgsqlCommand("select comparing from site", connection);
            if (await read.ExecuteScalarAsync(cancel) is string what)
                await CompareAsync(what, cancel);
        }
        finally
        {
            await using var give = new NpgsqlCommand($"select pg_advisory_unlock({LockKey})", connection);
            await give.ExecuteNonQueryAsync(CancellationToken.None);
        }
        return false;
    }

    private async Task CompareAsync(string what, CancellationToken cancel)
    {
        var begun = Time.GetTimestamp();
        if (what == "registry")
        {
            // Nobody else works with it now.
            var pace = new Pace(0, Time);
            var site = new ReturningSite(source, inventory, fingerprints);
            await new RegistryReconcile(new RegistryReading(own.Client, pace, AtOnce), site, pace, TimeSpan.Zero, Time)
                .RunAsync(Time.GetUtcNow(), act: true, _ => Task.CompletedTask, cancel);
            // Another start need not read it again.
            await ExecuteAsync("update site set comparing = 'inventory' where comparing is not null", cancel);
        }
        await ReadWrittenAsync(cancel);
        var kept = 0;
        var report = await new FingerprintReconcile(peer, new PeerFingerprints(source, settings.Selection), inventory, settings.Selection, Time)
        {
            All = true,
            BeforeActing = async findings => kept += await KeepAsync(findings, cancel),
        }.RunAsync(act: true, cancel);
        await ExecuteAsync($"update site set comparing = null; notify {SyncState.Marking.Channel}; notify {Site.Channel}", cancel);
        LogDone(logger, report.Repositories, report.Findings.Count, kept, Time.GetElapsedTime(begun).TotalSeconds);
    }

    // What a worker had in hand when the primary changed may have been written, and its claim was over before that could be noted.
    private async Task ReadWrittenAsync(CancellationToken cancel)
    {
        var begun = new List<(string Repository, string Tag)>();
        await using (var command = source.CreateCommand("""
            select r.name, w.reference from waiting_reference w join repository r on r.id = w.repository_id
            where (w.claim_token is not null or w.recheck_at is not null) and w.reference not like '%:%'
            """))
        await using (var row = await command.ExecuteReaderAsync(cancel))
            while (await row.ReadAsync(cancel))
                begun.Add((row.GetString(0), row.GetString(1)));
        var site = new ReturningSite(source, inventory, fingerprints);
        await Parallel.ForEachAsync(begun, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancel }, async (written, stop) =>
        {
            var found = await own.Client.HeadManifestAsync(written.Repository, written.Tag, stop);
            await site.ActAsync(written.Repository, [new(written.Repository, written.Tag, FindingKind.Differs, null, found?.ToString())], 0, stop);
        });
    }

    // What the primary's registry knows by its digest is not lost when a tag moves.
    private async Task<int> KeepAsync(IReadOnlyList<Finding> findings, CancellationToken cancel)
    {
        var only = new List<DivergentTag>();
        foreach (var finding in findings.Where(f => f.Known is not null))
            if (await primary.Client.HeadManifestAsync(finding.Repository, finding.Known!, cancel) is null)
                only.Add(new(settings.SiteName, finding.Repository, finding.Tag, finding.Known!, finding.Found, default, null, null, null, null, null));
        await divergent.FoundAsync(only, cancel);
        return only.Count;
    }

    private async Task ExecuteAsync(string sql, CancellationToken cancel)
    {
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(cancel);
    }

    [LoggerMessage(250, LogLevel.Warning, "Compared with the new primary: {Looked} repositories looked at closer, {Found} differences, {Kept} tags that only this site has are kept, {Seconds:0.0} s; `geodr divergent list` names them")]
    private static partial void LogDone(ILogger logger, long looked, int found, int kept, double seconds);
}
