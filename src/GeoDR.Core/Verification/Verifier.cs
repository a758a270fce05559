using GeoDR.Registry;
using GeoDR.Sync;
using GeoDR.SyncState;

namespace GeoDR.Verification;

/// <summary>What one pass came to.</summary>
/// <param name="State">Null where nothing was decided: the registry is out, or the row is in other hands.</param>
/// <param name="Problem">Why nothing was decided, or why the check could not be done.</param>
public sealed record Verified(string Repository, CheckScope Scope, VerificationState? State, CheckResult? Result, string? Problem, TimeSpan Took);

/// <summary>Checks one repository at a time, under the worker's lease. Not for concurrent use.</summary>
/// <param name="deep">It does the deep checks, or the others: a long one never keeps the short ones waiting.</param>
public sealed class Verifier(
    Checks checks, CheckResults results, RepositoryCheck check, WorkerLease lease, VerificationPlan plan, bool deep, TimeProvider time)
{
    private bool _unsure;

    /// <summary>One check; null when there was none to do.</summary>
    public async Task<Verified?> RunOnceAsync(CancellationToken stop)
    {
        var (worker, lost) = lease.Current;
        // Whatever became of the last one: this worker has none of its kind now.
        if (_unsure)
            await checks.FreeAsync(worker, deep, stop);
        _unsure = false;
        if (worker == Guid.Empty || await checks.ClaimAsync(worker, deep, plan.Automatic, stop) is not { } claim)
            return null;
        _unsure = true;
        var started = time.GetTimestamp();
        var requests = RequestMeter.Begin();
        using var either = CancellationTokenSource.CreateLinkedTokenSource(lost, stop);
        try
        {
            var result = await check.RunAsync(claim, requests, either.Token);
            return Done(await results.FinishAsync(claim, result, CancellationToken.None), result, null);
        }
        catch (PeerOutException e)
        {
            await checks.HandBackAsync(claim, CancellationToken.None);
            return Done(null, null, e.Message);
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
            await checks.HandBackAsync(claim, CancellationToken.None);
            return Done(null, null, "it was stopped");
        }
        catch (Exception e) when (e is RegistryException or WrongContentException or FormatException)
        {
            await results.BrokeAsync(claim, e.Message, CancellationToken.None);
            return Done(VerificationState.Failed, null, e.Message);
        }

        Verified Done(VerificationState? state, CheckResult? result, string? problem)
        {
            _unsure = false;
            return new(claim.Name, claim.Scope, state, result, problem, time.GetElapsedTime(started));
        }
    }
}
