namespace GeoDR.Schedules;

/// <summary>
/// One run of a schedule, from its row to its outcome, whatever fired it. The row is the truth of what became of it; one that a dead node
/// left is gone on with.
/// </summary>
internal sealed partial class ScheduleRunner(ScheduleRuns runs, ILogger<ScheduleRunner> logger, TimeProvider time)
{
    /// <param name="cause">One of <see cref="RunCause"/>.</param>
    /// <param name="scheduled">When it was to fire.</param>
    /// <param name="begun">Called once the run is this node's.</param>
    /// <returns>When it is to be tried again, where that is sooner than its next time.</returns>
    public async Task<TimeSpan?> RunAsync(
        ISchedule schedule, string cause, string? wantedBy, DateTimeOffset scheduled, Func<Task> begun, CancellationToken cancel)
    {
        var every = schedule.Off is null ? schedule.Every : TimeSpan.Zero;
        var run = new RunningSchedule(
            await Patience.ThroughAsync(() => runs.BeginAsync(schedule.Name, cause, wantedBy, ScheduleNode.Name, scheduled, every, cancel), time, cancel), runs, time);
        if (run.Run.Nodes.Count > 1)
            LogRecovered(logger, schedule.Name, run.Run.Nodes[^2]);
        try
        {
            await begun();
            var outcome = await OutcomeAsync(schedule, run, cancel);
            await run.EndAsync(outcome, cancel);
            LogEnded(logger, schedule.Name, outcome.Status, outcome.Text);
            return outcome.Again;
        }
        catch (RunLostException e)
        {
            LogLost(logger, e.Message);
            return null;
        }
    }

    private static async Task<ScheduleOutcome> OutcomeAsync(ISchedule schedule, RunningSchedule run, CancellationToken cancel)
    {
        try
        {
            return await schedule.RunAsync(run, cancel);
        }
        // Stopped by a shutdown, the engine gives it to another node; the row stays open for that.
        catch (Exception e) when (e is not RunLostException && !cancel.IsCancellationRequested)
        {
            return new(RunStatus.Failed, e.Message);
        }
    }

    [LoggerMessage(240, LogLevel.Information, "The schedule {Schedule} ran ({Status}): {Outcome}")]
    private static partial void LogEnded(ILogger logger, string schedule, string status, string outcome);

    [LoggerMessage(241, LogLevel.Warning, "This node goes on with the run of the schedule {Schedule} that {Node} left")]
    private static partial void LogRecovered(ILogger logger, string schedule, string node);

    [LoggerMessage(242, LogLevel.Warning, "This node was silent for too long: {Reason}")]
    private static partial void LogLost(ILogger logger, string reason);
}
