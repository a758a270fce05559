using System.Diagnostics;
using Npgsql;

namespace GeoDR.Lab.Tool.Bench;

/// <summary>One push to come.</summary>
/// <param name="At">After the first instant of the measurement.</param>
/// <param name="Overwrites">The tag exists at the primary.</param>
internal sealed record PlannedPush(TimeSpan At, string Repository, string Tag, bool Overwrites, string Source, string Digest);

/// <summary>One push that arrived; times in milliseconds.</summary>
/// <param name="Pushing">What skopeo itself took: how busy the machine was.</param>
/// <param name="Lag">From the exit of skopeo to the first HEAD with the new digest.</param>
/// <param name="Logged">From that exit to the event in the primary's log; below zero when the event came first.</param>
/// <param name="Marked">From the event to the tailer's mark.</param>
/// <param name="Claimed">From the mark to a worker's taking of the reference.</param>
/// <param name="Done">From there to the outcome in the secondary's database.</param>
internal sealed record MeasuredPush(PlannedPush Push, double Pushing, double Lag, double Logged, double Marked, double Claimed, double Done);

/// <summary>Pushes with the real skopeo and watches the secondary's registry.</summary>
internal sealed class LagPusher(TwoSites sites)
{
    private static readonly TimeSpan s_poll = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(60);

    public async Task<MeasuredPush> PushAsync(PlannedPush push, CancellationToken cancellationToken)
    {
        // The first answer of this repository fetches the client's token: none of that belongs to the lag.
        var before = await sites.Secondary.Client.ResolveAsync(push.Repository, push.Tag, cancellationToken);
        if (before == push.Digest)
        {
            throw new LabException($"{push.Repository}:{push.Tag} is at {sites.Secondary.Name} before it was pushed");
        }

        var begin = Stopwatch.GetTimestamp();
        await Skopeo.CopyAsync(
            push.Source, $"docker://{sites.Primary.Registry.Host}/{push.Repository}:{push.Tag}", destinationUser: TwoSites.Client, cancellationToken: cancellationToken);
        var exit = Stopwatch.GetTimestamp();
        var exitAt = TimeProvider.System.GetUtcNow();
        var lag = await FirstSeenAsync(push, exit, cancellationToken);
        return await ExplainAsync(push, Stopwatch.GetElapsedTime(begin, exit), lag, exitAt, cancellationToken);
    }

    private async Task<TimeSpan> FirstSeenAsync(PlannedPush push, long exit, CancellationToken cancellationToken)
    {
        using var every = new PeriodicTimer(s_poll);
        while (true)
        {
            var digest = await sites.Secondary.Client.ResolveAsync(push.Repository, push.Tag, cancellationToken);
            var since = Stopwatch.GetElapsedTime(exit);
            if (digest == push.Digest)
            {
                return since;
            }

            if (since > s_deadline)
            {
                throw new LabException(
                    $"{push.Repository}:{push.Tag} did not arrive within {s_deadline.TotalSeconds:0} s\n{sites.Secondary.Geo.Serve?.LogTail(30)}");
            }

            await every.WaitForNextTickAsync(cancellationToken);
        }
    }

    /// <summary>Where the time went, by what both databases wrote down; all on one machine's clock.</summary>
    private async Task<MeasuredPush> ExplainAsync(PlannedPush push, TimeSpan pushing, TimeSpan lag, DateTimeOffset exitAt, CancellationToken cancellationToken)
    {
        LagTrace? trace = null;
        await Wait.UntilAsync(
            async token => (trace = await LagTrace.ReadAsync(sites.Secondary, push, token)) is not null,
            s_deadline,
            () => $"{push.Repository}:{push.Tag} is at the registry and not in the secondary's inventory",
            cancellationToken);
        var logged = await LoggedAsync(push, cancellationToken);
        return new MeasuredPush(
            push,
            pushing.TotalMilliseconds,
            lag.TotalMilliseconds,
            (logged - exitAt.UtcDateTime).TotalMilliseconds,
            (trace!.Marked - logged).TotalMilliseconds,
            (trace.Taken - trace.Marked).TotalMilliseconds,
            (trace.Done - trace.Taken).TotalMilliseconds);
    }

    private async Task<DateTime> LoggedAsync(PlannedPush push, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(sites.Primary.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand("select max(received_at) from event where repository = $1 and tag = $2 and digest = $3", connection)
        {
            Parameters = { new() { Value = push.Repository }, new() { Value = push.Tag }, new() { Value = push.Digest } },
        };
        return await command.ExecuteScalarAsync(cancellationToken) as DateTime?
            ?? throw new LabException($"{push.Repository}:{push.Tag} arrived without an event");
    }
}
