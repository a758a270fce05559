using GeoDR.Registry;
using GeoDR.Sync;
using GeoDR.SyncState;
using Npgsql;

namespace GeoDR.Hosting;

/// <summary>Writes what the sync does to the log, in the dashboard's words, and keeps the attempts.</summary>
internal sealed partial class SyncJournal(WorkStore work, Metrics.SyncCounters counters, ILogger<SyncJournal> logger) : ISyncJournal
{
    public Task FinishedAsync(ClaimedRepository claim, RepositoryState state, WorkCost cost)
    {
        LogFinished(logger, claim.Name, state, cost.Took.TotalMilliseconds);
        // A tag that is not linked yet is asked for again in a moment: no attempt worth a line.
        return state == RepositoryState.Pending && cost.Bytes == 0 ? Task.CompletedTask
            : RecordAsync(claim, cost, state.ToString().ToLowerInvariant(), null);
    }

    public Task PeerOutAsync(ClaimedRepository claim, string peer, string message, WorkCost cost)
    {
        LogPeerOut(logger, peer, claim.Name, message);
        return RecordAsync(claim, cost, "outage", message);
    }

    public void LeaseLost(string repository) => LogLeaseLost(logger, repository);

    public void BeganAgain(string repository, Digest blob, long lost, string reason) => LogBeganAgain(logger, blob, repository, lost, reason);

    public Task BrokeAsync(ClaimedRepository claim, Exception exception, WorkCost cost)
    {
        LogBroke(logger, exception, claim.Name);
        return RecordAsync(claim, cost, "error", exception.Message);
    }

    private async Task RecordAsync(ClaimedRepository claim, WorkCost cost, string outcome, string? message)
    {
        counters.Add(outcome, cost);
        try
        {
            await work.RecordAsync(claim, cost, outcome, message, CancellationToken.None);
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or InvalidOperationException)
        {
            // The outcome itself is written; its history may have a gap while the database restarts.
            LogNotKept(logger, claim.Name, outcome, e.Message);
        }
    }

    [LoggerMessage(200, LogLevel.Information, "{Repository} is {State} after {Milliseconds:0} ms")]
    private static partial void LogFinished(ILogger logger, string repository, RepositoryState state, double milliseconds);

    [LoggerMessage(201, LogLevel.Warning, "The {Peer} is out, its work pauses; {Repository} was handed back: {Reason}")]
    private static partial void LogPeerOut(ILogger logger, string peer, string repository, string reason);

    [LoggerMessage(202, LogLevel.Warning, "This worker's lease ended while it had {Repository}; another takes it")]
    private static partial void LogLeaseLost(ILogger logger, string repository);

    [LoggerMessage(204, LogLevel.Warning, "The attempt on {Repository}, {Outcome}, could not be kept: {Reason}")]
    private static partial void LogNotKept(ILogger logger, string repository, string outcome, string reason);

    [LoggerMessage(205, LogLevel.Warning, "The upload of {Blob} to {Repository} begins again, {Lost} bytes had been sent: {Reason}")]
    private static partial void LogBeganAgain(ILogger logger, Digest blob, string repository, long lost, string reason);

    [LoggerMessage(203, LogLevel.Error, "{Repository} was handed back after an unexpected error")]
    private static partial void LogBroke(ILogger logger, Exception exception, string repository);
}
