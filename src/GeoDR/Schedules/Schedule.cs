using GeoDR.Configuration;
using Npgsql;

namespace GeoDR.Schedules;

/// <summary>What a run came to.</summary>
/// <param name="Status">One of <see cref="RunStatus"/>, not running.</param>
/// <param name="Text">A sentence for people.</param>
/// <param name="Again">When it is to be tried again, where that is sooner than its next time.</param>
internal sealed record ScheduleOutcome(string Status, string Text, TimeSpan? Again = null)
{
    public static ScheduleOutcome Done(string text) => new(RunStatus.Done, text);

    public static ScheduleOutcome Incomplete(string text) => new(RunStatus.Incomplete, text);
}

/// <summary>
/// Something that is done again and again, by one node of the site at a time. A run that a dead node left is run again with the same
/// <see cref="ScheduleRun.Id"/>: it goes on, it does not begin anew. To add one, write this and name it in <see cref="ScheduleComposition"/>.
/// </summary>
internal interface ISchedule
{
    /// <summary>As commands and the dashboard call it.</summary>
    string Name { get; }

    /// <summary>Zero: never by itself.</summary>
    TimeSpan Every { get; }

    /// <summary>Why it never fires by itself, in words; null where it does.</summary>
    string? Off { get; }

    Task<ScheduleOutcome> RunAsync(RunningSchedule run, CancellationToken cancel);
}

/// <summary>A run in this process's hands.</summary>
internal sealed class RunningSchedule(ScheduleRun run, ScheduleRuns runs, TimeProvider time)
{
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_sign = TimeSpan.FromSeconds(5);

    public ScheduleRun Run => run;

    /// <summary>Asks for the run's work once, whatever the number of its attempts; answers what was asked for.</summary>
    public Task<long> AskOnceAsync(Func<NpgsqlConnection, CancellationToken, Task<long>> ask, CancellationToken cancel) =>
        Patience.ThroughAsync(() => runs.AskOnceAsync(run, ask, cancel), time, cancel);

    /// <summary>Looks until there is an outcome, and says how far it is. A database that does not answer for a while ends nothing.</summary>
    /// <param name="look">An outcome, or how far it is.</param>
    /// <exception cref="RunLostException"/>
    public async Task<ScheduleOutcome> WaitAsync(Func<Task<(ScheduleOutcome? Outcome, string Progress)>> look, CancellationToken cancel)
    {
        var (said, at) = ("", time.GetTimestamp());
        while (true)
        {
            var (outcome, progress) = await Patience.ThroughAsync(look, time, cancel);
            if (outcome is not null)
                return outcome;
            if (progress != said || time.GetElapsedTime(at) > s_sign)
            {
                await Patience.ThroughAsync(() => runs.SayAsync(run, progress, cancel), time, cancel);
                (said, at) = (progress, time.GetTimestamp());
            }
            await Task.Delay(s_look, time, cancel);
        }
    }

    /// <summary>Writes the end, however long the database takes to answer.</summary>
    public Task EndAsync(ScheduleOutcome outcome, CancellationToken cancel) =>
        Patience.ThroughAsync(() => runs.EndAsync(run, outcome.Status, outcome.Text, cancel), time, cancel);
}

/// <summary>A database that restarts ends no run: what was to be done is done when it answers.</summary>
internal static class Patience
{
    private static readonly TimeSpan s_again = TimeSpan.FromMilliseconds(500);

    public static async Task<T> ThroughAsync<T>(Func<Task<T>> act, TimeProvider time, CancellationToken cancel)
    {
        while (true)
        {
            try
            {
                return await act();
            }
            // A statement that the database refuses would be refused for ever.
            catch (Exception e) when (e is TimeoutException or NpgsqlException and (not PostgresException or { IsTransient: true } or PostgresException { SqlState: ['5', '7', ..] }))
            {
                await Task.Delay(s_again, time, cancel);
            }
        }
    }

    public static Task ThroughAsync(Func<Task> act, TimeProvider time, CancellationToken cancel) => ThroughAsync(async () =>
    {
        await act();
        return true;
    }, time, cancel);
}
