using GeoDR.Sync;
using GeoDR.SyncState;

namespace GeoDR.Hosting;

/// <summary>Writes what the sync does to the log, in the dashboard's words.</summary>
internal sealed partial class SyncJournal(ILogger<SyncJournal> logger) : ISyncJournal
{
    public void Finished(string repository, RepositoryState state, TimeSpan took) => LogFinished(logger, repository, state, took.TotalMilliseconds);

    public void PeerOut(string repository, string peer, string message) => LogPeerOut(logger, peer, repository, message);

    public void LeaseLost(string repository) => LogLeaseLost(logger, repository);

    public void Broke(string repository, Exception exception) => LogBroke(logger, exception, repository);

    [LoggerMessage(200, LogLevel.Information, "{Repository} is {State} after {Milliseconds:0} ms")]
    private static partial void LogFinished(ILogger logger, string repository, RepositoryState state, double milliseconds);

    [LoggerMessage(201, LogLevel.Warning, "The {Peer} is out, its work pauses; {Repository} was handed back: {Reason}")]
    private static partial void LogPeerOut(ILogger logger, string peer, string repository, string reason);

    [LoggerMessage(202, LogLevel.Warning, "This worker's lease ended while it had {Repository}; another takes it")]
    private static partial void LogLeaseLost(ILogger logger, string repository);

    [LoggerMessage(203, LogLevel.Error, "{Repository} was handed back after an unexpected error")]
    private static partial void LogBroke(ILogger logger, Exception exception, string repository);
}
