using GeoDR.Configuration;
using GeoDR.Reconcile;
using GeoDR.Registry;
using GeoDR.Sites;
using Npgsql;

namespace GeoDR.Failover;

/// <summary>
/// Carries out a promotion, step by step. Each step can be done again, so that whoever takes up a run that its node left begins with
/// the step it was left at. Before the role changes a planned promotion that cannot go on is undone; afterwards it is finished.
/// </summary>
internal sealed class Promotion(GeoSettings settings, NpgsqlDataSource source, FailoverPeers peers, Action<ReportStep> say, TimeProvider time) : IDisposable
{
    public const string Kind = "promote";

    private const string Undo = FailoverRuns.Undo;

    /// <summary>A node that says nothing for so long has left its run.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);

    private readonly FailoverRuns _runs = new(source);
    private readonly PromotionSteps _steps = new(settings, source, peers, time);

    /// <summary>Goes on with a run that this node has taken.</summary>
    /// <returns>How it ended; null where another node has it now.</returns>
    public async Task<string?> RunAsync(FailoverRun run, string node, CancellationToken cancel)
    {
        var (steps, report) = (PromotionSteps.Of(run.Planned), Report.Parse(run.Report));
        using var lost = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var keeper = KeepAsync(run.Id, node, lost);
        try
        {
            if (run.Step == Undo)
                return await UndoAsync(run, report, node, lost.Token);
            for (var i = Math.Max(0, steps.IndexOf(run.Step)); i < steps.Count; i++)
            {
                var (begun, at) = (time.GetTimestamp(), time.GetUtcNow());
                string outcome;
                try
                {
                    outcome = await _steps.DoAsync(steps[i], run, report, lost.Token);
                }
                catch (Exception e) when (e is StepFailedException or RoleChangedException or HttpRequestException or PeerUnavailableException or RegistryException)
                {
                    report = Add(report, new(steps[i], at, time.GetElapsedTime(begun).TotalSeconds, e.Message));
                    return await FailAsync(run, report, node, steps[i], lost.Token);
                }
                report = Add(report, new(steps[i], at, time.GetElapsedTime(begun).TotalSeconds, outcome));
                var last = i == steps.Count - 1;
                if (!await _runs.AdvanceAsync(run.Id, node, Lease, last ? "done" : steps[i + 1], report.ToJson(), last ? "done" : "running", lost.Token))
                    return null;
            }
            return "done";
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return null;
        }
        finally
        {
            await lost.CancelAsync();
            await keeper;
        }
    }

    public void Dispose() => _steps.Dispose();

    private Report Add(Report report, ReportStep step)
    {
        say(step);
        return report with { Steps = [.. report.Steps, step] };
    }

    private async Task<string?> FailAsync(FailoverRun run, Report report, string node, string step, CancellationToken cancel)
    {
        var undo = run.Planned && PromotionSteps.CanBeUndone(step);
        // Written first: from here on no node can promote any more, also none that was asleep meanwhile.
        return !await _runs.AdvanceAsync(run.Id, node, Lease, undo ? Undo : step, report.ToJson(), undo ? "running" : "failed", cancel) ? null
            : undo ? await UndoAsync(run, report, node, cancel) : "failed";
    }

    /// <summary>The primary goes on. If it cannot be told, it hears of it with its next heartbeat.</summary>
    private async Task<string?> UndoAsync(FailoverRun run, Report report, string node, CancellationToken cancel)
    {
        var (begun, at) = (time.GetTimestamp(), time.GetUtcNow());
        string outcome;
        try
        {
            var answer = await peers.FenceAsync(report.From!, new(run.Id, Undo: true), cancel);
            outcome = answer.Refused is { } refused ? $"{report.From} did not let its clients in again: {refused}; run `geodr unfence` there" : $"{report.From} goes on as the primary, its clients are let in";
        }
        catch (HttpRequestException e)
        {
            outcome = $"{report.From} lets its clients in again when it answers, and cannot be told now: {e.Message}; promote with --unplanned here if it is lost";
        }
        report = Add(report, new(Undo, at, time.GetElapsedTime(begun).TotalSeconds, outcome));
        return await _runs.AdvanceAsync(run.Id, node, Lease, Undo, report.ToJson(), "undone", cancel) ? "undone" : null;
    }

    private async Task KeepAsync(Guid run, string node, CancellationTokenSource lost)
    {
        while (!lost.IsCancellationRequested)
        {
            await Task.Delay(Lease / 4, time, lost.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                if (!lost.IsCancellationRequested && !await _runs.RenewAsync(run, node, Lease, lost.Token))
                    await lost.CancelAsync();
            }
            catch (Exception e) when (e is NpgsqlException or OperationCanceledException)
            {
                // The database's hiccup: if it lasts, another node takes the run, and the next step's end says so here.
            }
        }
    }
}
