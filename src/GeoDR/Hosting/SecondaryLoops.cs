using GeoDR.Configuration;
using GeoDR.Postgres;
using GeoDR.Registry;
using GeoDR.Sync;
using GeoDR.SyncState;
using GeoDR.Tailing;
using GeoDR.Verification;
using Npgsql;

namespace GeoDR.Hosting;

/// <summary>Follows the primary's log.</summary>
internal sealed partial class TailLoop(Tailer tailer, ILogger<TailLoop> logger, TimeProvider time) : PassLoop(logger, time)
{
    private static readonly TimeSpan s_truth = TimeSpan.FromSeconds(1);

    private TailOutcome _last;
    private bool _waits;

    protected override string Name => "the tailer";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        // Where nothing was new, the log's reader waits for news; after a failure what there is comes first.
        var wait = _waits ? s_truth : TimeSpan.Zero;
        _waits = false;
        var outcome = await tailer.RunOnceAsync(wait, cancel);
        _waits = outcome is TailOutcome.UpToDate or TailOutcome.Overtaken;
        if (outcome != _last && outcome is TailOutcome.Repositioned or TailOutcome.Stopped or TailOutcome.NoLog)
            LogOutcome(logger, outcome);
        _last = outcome;
        return outcome is not (TailOutcome.Stopped or TailOutcome.NoLog);
    }

    protected override Task RestAsync(CancellationToken cancel) => Task.Delay(s_truth, Time, cancel);

    [LoggerMessage(120, LogLevel.Warning, "The tailer: {Outcome}; `geodr status` says more")]
    private static partial void LogOutcome(ILogger logger, TailOutcome outcome);
}

/// <summary>Applies requests for backfill, resync and checks, a small batch at a time.</summary>
internal sealed class RequestLoop(
    Requests requests, VerifyRequests checks, PrimaryRegistry primary, IInventorySource inventory, GeoSettings settings, NpgsqlDataSource source, ILogger<RequestLoop> logger, TimeProvider time)
    : PassLoop(logger, time)
{
    private const int Batch = 200;
    private readonly WakeUp _wakeUp = new(source, Requests.Channel, time);
    private bool _selected;

    protected override string Name => "backfill and resync";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        await _wakeUp.PrepareAsync(cancel);
        // Settings change with a start only.
        if (!_selected)
            await requests.SelectAsync(settings.Selection.Fingerprint, settings.Selection.TakesRepository, cancel);
        _selected = true;
        var running = await requests.ListAsync(running: true, 100, cancel);
        var more = false;
        foreach (var request in running.OrderBy(r => r.Id))
            more |= await ApplyAsync(request, cancel);
        return more && running.All(r => r.Problem is null);
    }

    protected override Task RestAsync(CancellationToken cancel) => _wakeUp.WaitAsync(TimeSpan.FromSeconds(1), cancel);

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await _wakeUp.DisposeAsync();
    }

    private async Task<bool> ApplyAsync(Request request, CancellationToken cancel)
    {
        if (request.Kind == Requests.Reverify)
            return await checks.ApplyAsync(request, Batch, cancel);
        if (request.Scope != "all")
        {
            await requests.ApplyRowsAsync(request, Batch, cancel);
            return true;
        }
        try
        {
            var names = await NamesAsync(request.Position, cancel);
            if (names.Count == 0)
                await requests.ApplyNamesAsync(request, [], null, cancel);
            foreach (var some in names.Chunk(Batch))
            {
                await requests.ApplyNamesAsync(request, [.. some.Where(n => OciNames.IsRepository(n) && settings.Selection.TakesFromCatalog(n))], some[^1], cancel);
                request = request with { Position = some[^1] };
            }
            return true;
        }
        catch (Exception e) when (e is RegistryException or HttpRequestException)
        {
            await requests.ProblemAsync(request.Id, $"the list of repositories cannot be read: {e.Message}", cancel);
            throw;
        }
    }

    /// <summary>The next names of the primary's catalog, or of its inventory where the registry has no catalog.</summary>
    private async Task<IReadOnlyList<string>> NamesAsync(string after, CancellationToken cancel)
    {
        try
        {
            await foreach (var page in primary.Client.ListCatalogAsync(after.Length == 0 ? null : after, RegistryClient.CatalogPage, cancel))
                if (page.Count > 0)
                    return page;
            return [];
        }
        catch (RegistryException e) when ((int?)e.Status is 404 or 405 or 401 or 403)
        {
            if (await inventory.NamesAsync(after, cancel) is { } names)
                return names;
            throw;
        }
    }
}

/// <summary>Renews the worker's lease, frees what dead workers hold, puts failed rows back when their time has come; ends the lease when all work has ended.</summary>
internal sealed class LeaseLoop(WorkerLease lease, Claims claims, SyncJobs jobs, ILogger<LeaseLoop> logger, TimeProvider time)
    : IntervalLoop(lease.Length / 3 > TimeSpan.FromSeconds(1) ? TimeSpan.FromSeconds(1) : lease.Length / 3, logger, time)
{
    private long? _renewed;

    protected override string Name => "the worker's lease";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        lease.CheckExpired();
        if (_renewed is not { } at || Time.GetElapsedTime(at) >= lease.Length / 3.5)
        {
            await lease.RenewAsync(cancel);
            _renewed = Time.GetTimestamp();
        }
        await claims.FreeDeadAsync(lease.Length, cancel);
        await claims.RetryDueAsync(cancel);
        return false;
    }

    // It is stopped after everything that works under the lease.
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await jobs.StopAsync(cancellationToken);
        await lease.ReleaseAsync(cancellationToken);
    }
}

/// <summary>Asks registries that are out whether they are back.</summary>
internal sealed partial class ProbeLoop(Outages outages, Probes probes, ILogger<ProbeLoop> logger, TimeProvider time)
    : IntervalLoop(TimeSpan.FromSeconds(1), logger, time)
{
    protected override string Name => "the probe";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        foreach (var outage in await outages.ListAsync(cancel))
            if (await (outage.Peer == Peers.OwnRegistry ? probes.Own : probes.Primary).TryEndAsync(cancel))
                LogBack(logger, outage.Peer);
        return false;
    }

    [LoggerMessage(130, LogLevel.Information, "The {Peer} answers again; the sync goes on")]
    private static partial void LogBack(ILogger logger, string peer);
}

/// <summary>Begins work on rows while there is something to do.</summary>
internal abstract class RowLoop(SyncJobs jobs, Claims claims, NpgsqlDataSource source, ILogger logger, TimeProvider time) : PassLoop(logger, time)
{
    private readonly WakeUp _wakeUp = new(source, Marking.Channel, time);

    /// <summary>Begins what may begin; true when anything did.</summary>
    protected abstract Task<bool> BeginAsync(CancellationToken cancel);

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        await _wakeUp.PrepareAsync(cancel);
        return await BeginAsync(cancel);
    }

    protected override async Task RestAsync(CancellationToken cancel)
    {
        var due = await claims.NextDueAsync(cancel) is { } next && next < TimeSpan.FromSeconds(1) ? next : TimeSpan.FromSeconds(1);
        if (due < TimeSpan.FromMilliseconds(10))
            due = TimeSpan.FromMilliseconds(10);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        // Both waits end before this returns: the LISTEN connection is never left in the middle of one.
        var slot = jobs.EndedAsync(either.Token);
        var wake = _wakeUp.WaitAsync(due, either.Token);
        await Task.WhenAny(slot, wake);
        await either.CancelAsync();
        await ((Task)Task.WhenAll(slot, wake)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancel.ThrowIfCancellationRequested();
    }

    // In order: nothing begins any more, then what runs is handed back. The lease goes last (LeaseLoop), so that others start at once.
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await jobs.StopAsync(cancellationToken);
        await _wakeUp.DisposeAsync();
    }
}

/// <summary>Claims and works.</summary>
internal sealed class SyncLoop(SyncWorker worker, SyncJobs jobs, Claims claims, NpgsqlDataSource source, ILogger<SyncLoop> logger, TimeProvider time)
    : RowLoop(jobs, claims, source, logger, time)
{
    protected override string Name => "the sync worker";

    protected override Task<bool> BeginAsync(CancellationToken cancel) => worker.RunOnceAsync(cancel);
}
