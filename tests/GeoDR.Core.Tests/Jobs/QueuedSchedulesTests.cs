using GeoDR.Core.Tests.Postgres;
using GeoDR.Jobs;
using GeoDR.Schedules;
using Microsoft.Extensions.Logging.Abstractions;

namespace GeoDR.Core.Tests.Jobs;

/// <summary>What an engine that asks every minute whether a schedule is due is answered.</summary>
public sealed class QueuedSchedulesTests(PostgresFixture postgres) : DatabaseTest(postgres), ISchedule, IJobQueue
{
    private readonly List<string> _queued = [];

    private ScheduleRuns Runs => new(Database.Source);

    string ISchedule.Name => "hourly";

    TimeSpan ISchedule.Every => TimeSpan.FromHours(1);

    string? ISchedule.Off => null;

    [Fact]
    public async Task Fire_MissedForHours_IsMadeUpOnceAndThenNotDue()
    {
        await Database.ExecuteAsync("update site set created_at = clock_timestamp() - interval '3 hours 10 minutes'");
        await FireAsync();
        await FireAsync();
        var run = Assert.Single(await RunsAsync());
        Assert.Equal((RunCause.Schedule, RunStatus.Done), (run.Cause, run.Status));
        Assert.InRange((await new ScheduleList(Database.Source).LastDueAsync("hourly", Stop))!.Value, DateTimeOffset.UtcNow.AddMinutes(-11), DateTimeOffset.UtcNow.AddMinutes(-9));
    }

    [Theory]
    [InlineData("1 second", 1, RunStatus.Running)]
    [InlineData("1 minute", 2, RunStatus.Done)]
    public async Task Fire_OneIsUnderWay_IsGoneOnWithOnlyWhereItsNodeIsSilent(string silence, int nodes, string status)
    {
        await Runs.BeginAsync("hourly", RunCause.Schedule, null, "other", DateTimeOffset.UtcNow.AddHours(-2), TimeSpan.FromHours(1), Stop);
        await Database.ExecuteAsync($"update schedule_run set seen_at = clock_timestamp() - interval '{silence}'");
        await FireAsync();
        var run = Assert.Single(await RunsAsync());
        Assert.Equal((nodes, status), (run.Nodes.Count, run.Status));
    }

    [Fact]
    public async Task Run_OneIsUnderWay_ComesLater()
    {
        await Runs.BeginAsync("hourly", RunCause.Schedule, null, "other", DateTimeOffset.UtcNow, TimeSpan.FromHours(1), Stop);
        await Schedules().RunAsync("hourly", RunCause.Hand, "ann", Stop);
        Assert.Equal(["hourly hand ann 00:00:20"], _queued);
        Assert.Equal(RunStatus.Running, Assert.Single(await RunsAsync()).Status);
    }

    Task<ScheduleOutcome> ISchedule.RunAsync(RunningSchedule run, CancellationToken cancel) => Task.FromResult(ScheduleOutcome.Done("done"));

    void IJobQueue.Sync(long repositoryId, string name) => throw new InvalidOperationException();

    void IJobQueue.Run(string schedule, string cause, string? wantedBy, TimeSpan after) => _queued.Add($"{schedule} {cause} {wantedBy} {after}");

    void IJobQueue.Recur(IReadOnlyList<string> schedules) => throw new InvalidOperationException();

    private QueuedSchedules Schedules() => new(
        new(Runs, NullLogger<ScheduleRunner>.Instance, TimeProvider.System), [this], new(Database.Source), Runs, this, TimeProvider.System);

    private Task FireAsync() => Schedules().FireAsync("hourly", Stop);

    private Task<IReadOnlyList<ScheduleRun>> RunsAsync() => Runs.ListAsync("hourly", 10, Stop);
}
