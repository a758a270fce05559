using GeoDR.Core.Tests.Postgres;
using GeoDR.Schedules;

namespace GeoDR.Core.Tests.Schedules;

/// <summary>One open run for each schedule, whoever goes on with it; and what people may ask of it.</summary>
public sealed class ScheduleRunsTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private static readonly TimeSpan s_hour = TimeSpan.FromHours(1);
    private static readonly DateTimeOffset s_at = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private ScheduleRuns Runs => new(Database.Source);

    private ScheduleList List => new(Database.Source);

    [Fact]
    public async Task Begin_AfterADeadNode_GoesOnInTheSameRow()
    {
        var one = await BeginAsync("one");
        await Runs.SayAsync(one, "3 of 7", Stop);
        Assert.Equal(42, await Runs.AskOnceAsync(one, (_, _) => Task.FromResult(42L), Stop));
        var two = await BeginAsync("two");
        Assert.Equal((one.Id, "3 of 7", 42L), (two.Id, two.Outcome, two.Work));
        Assert.Equal(["one", "two"], two.Nodes);
        Assert.Equal(42, await Runs.AskOnceAsync(two, (_, _) => throw new InvalidOperationException("asked twice"), Stop));
        // The node that was thought dead wakes: nothing of it is written any more.
        await Assert.ThrowsAsync<RunLostException>(() => Runs.SayAsync(one, "4 of 7", Stop));
        await Assert.ThrowsAsync<RunLostException>(() => Runs.AskOnceAsync(one, (_, _) => Task.FromResult(1L), Stop));
        await Assert.ThrowsAsync<RunLostException>(() => Runs.EndAsync(one, RunStatus.Failed, "late", Stop));
        await Runs.EndAsync(two, RunStatus.Done, "7 of 7\0", Stop);
        await Assert.ThrowsAsync<RunLostException>(() => Runs.EndAsync(two, RunStatus.Done, "again", Stop));
        var row = Assert.Single(await Runs.ListAsync("a", 10, Stop));
        Assert.Equal((RunStatus.Done, "7 of 7"), (row.Status, row.Outcome));
        Assert.NotEqual(row.Id, (await BeginAsync("two")).Id);
    }

    [Fact]
    public async Task Begin_ManyAtOnce_IsOneRow()
    {
        var begun = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => BeginAsync($"{i}")));
        Assert.Single(begun.Select(r => r.Id).Distinct());
        Assert.Equal(8, begun.Select(r => r.Nodes.Count).Distinct().Count());
    }

    [Fact]
    public async Task Ask_ThatFails_IsAskedAgain()
    {
        var run = await BeginAsync("one");
        await Assert.ThrowsAsync<InvalidOperationException>(() => Runs.AskOnceAsync(run, (_, _) => throw new InvalidOperationException(), Stop));
        Assert.Equal(7, await Runs.AskOnceAsync(run, (_, _) => Task.FromResult(7L), Stop));
    }

    [Fact]
    public async Task Due_IsTheTimeThatWasMissed()
    {
        await EndAsync(await BeginAsync("one", s_at));
        await EndAsync(await Runs.BeginAsync("a", RunCause.Hand, "ann", "one", s_at + 3 * s_hour, s_hour, Stop));
        var late = await BeginAsync("one", s_at + 5 * s_hour);
        Assert.Equal(s_at + s_hour, late.DueAt);
        Assert.True(late.MadeUp);
        await EndAsync(late);
        // From then on it counts from the run that was made up.
        Assert.Equal(s_at + 6 * s_hour, (await BeginAsync("one", s_at + 6 * s_hour)).DueAt);
    }

    [Fact]
    public async Task End_ForgetsTheOldest_AFewAtATime()
    {
        await Database.ExecuteAsync("""
            insert into schedule_run (schedule, cause, nodes, scheduled_at, due_at, finished_at, status)
            select s, 'schedule', '{one}', clock_timestamp(), clock_timestamp(), clock_timestamp() - (case when i < 20 then interval '91 days' else interval '1 day' end), 'done'
            from generate_series(1, 150) i, unnest(array['a', 'b']) s
            """);
        await EndAsync(await BeginAsync("one"));
        Assert.Equal(100, (await Runs.ListAsync("a", 1000, Stop)).Count);
        Assert.Equal(150, (await Runs.ListAsync("b", 1000, Stop)).Count);
    }

    [Fact]
    public async Task Wish_IsHandedOverOnce_AndStaysWhereThatFails()
    {
        await List.KeepAsync([("a", s_hour, null), ("gone", s_hour, null)], Stop);
        await List.KeepAsync([("a", 2 * s_hour, null), ("b", TimeSpan.Zero, "it is off")], Stop);
        Assert.False(await List.WantAsync("gone", "ann", Stop));
        Assert.False(await List.WantAsync("'; drop table schedule; --\0", "ann", Stop));
        Assert.True(await List.WantAsync("b", "ann", Stop));
        Assert.True(await List.WantAsync("b", "bob", Stop));
        await Assert.ThrowsAsync<InvalidOperationException>(() => List.TakeWishesAsync(_ => throw new InvalidOperationException(), Stop));
        var handed = new System.Collections.Concurrent.ConcurrentBag<ScheduleWish>();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => List.TakeWishesAsync(w =>
        {
            handed.Add(w);
            return Task.CompletedTask;
        }, Stop)));
        Assert.Equal(new("b", "ann"), Assert.Single(handed));
        Assert.Equal(["ann b", "bob b"], await Database.ColumnAsync<string>($"select who || ' ' || detail from audit where what = '{ScheduleList.Audited}' order by id"));
        var run = await Runs.BeginAsync("b", RunCause.Hand, "ann", "one", s_at, TimeSpan.Zero, Stop);
        await List.NextAsync("a", s_at, Stop);
        Assert.Equal(
            [new("a", 2 * s_hour, null, s_at, null, null), new ScheduleRow("b", TimeSpan.Zero, "it is off", null, null, null)],
            (await List.ListAsync(Stop)).Select(s => s with { Last = null }));
        Assert.Equal(run.Id, (await List.ListAsync(Stop))[1].Last?.Id);
    }

    private Task<ScheduleRun> BeginAsync(string node, DateTimeOffset? at = null) =>
        Runs.BeginAsync("a", RunCause.Schedule, null, node, at ?? s_at, s_hour, Stop);

    private Task EndAsync(ScheduleRun run) => Runs.EndAsync(run, RunStatus.Done, "well", Stop);
}
