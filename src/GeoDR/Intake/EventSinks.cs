using GeoDR.EventLog;
using GeoDR.Failover;
using GeoDR.Hosting;
using GeoDR.Readiness;

namespace GeoDR.Intake;

/// <summary>On a primary: everything goes into the log, gathered.</summary>
internal sealed class LogSink(AppendQueue queue) : IEventSink
{
    public async Task<int?> KeepAsync(IReadOnlyList<NewEvent> events, QuarantinedBody? quarantined, TimeSpan within, CancellationToken cancel) =>
        await queue.AppendAsync(events, quarantined, within, cancel) ? 0 : null;
}

/// <summary>On a primary: nothing before it has asked its peers for their terms; into the log; beside it once the primary is fenced.</summary>
internal sealed class PrimarySink(LogSink log, DivergentSink divergent, StartHold hold, SiteWatch watch) : IEventSink
{
    public Task<int?> KeepAsync(IReadOnlyList<NewEvent> events, QuarantinedBody? quarantined, TimeSpan within, CancellationToken cancel) =>
        !hold.IsOpen || watch.Current is null ? Task.FromResult<int?>(null)
        : watch.Current.IsFenced ? divergent.KeepAsync(events, quarantined, within, cancel)
        : log.KeepAsync(events, quarantined, within, cancel);
}

/// <summary>On a secondary: GeoDR's own writes are dropped, everything else is kept and shown.</summary>
internal sealed class DivergentSink(DivergentWrites writes, OwnWriter own, CanaryNotices canaries) : IEventSink
{
    public async Task<int?> KeepAsync(IReadOnlyList<NewEvent> events, QuarantinedBody? quarantined, TimeSpan within, CancellationToken cancel)
    {
        var foreign = events.Where(e => !own.Wrote(e)).ToList();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(within);
        try
        {
            await writes.KeepAsync(foreign, quarantined, limit.Token);
            foreach (var canary in events.Where(e => e is { Repository: SiteRelations.CanaryRepository, Digest: not null } && own.Wrote(e)))
                await canaries.KeepAsync(canary.Digest!, limit.Token);
            return events.Count - foreign.Count;
        }
        catch (Exception e) when (e is Npgsql.NpgsqlException or OperationCanceledException && !cancel.IsCancellationRequested)
        {
            return null;
        }
    }
}

/// <summary>How GeoDR's own writes look in its own registry's notifications: by actor, where the registry knows one, and agent.</summary>
internal sealed record OwnWriter(string? Actor, string AgentPrefix)
{
    public bool Wrote(NewEvent e) =>
        e.Agent is { } agent
            ? agent.StartsWith(AgentPrefix, StringComparison.Ordinal) && (e.Actor is null || e.Actor == Actor)
            // Harbor says who, and not by what.
            : e.Actor is not null && e.Actor == Actor;
}
