using GeoDR.Core.Tests.EventLog;
using GeoDR.Core.Tests.Postgres;
using GeoDR.Core.Tests.Tailing;
using GeoDR.Selection;
using GeoDR.Status;
using GeoDR.Tailing;

namespace GeoDR.Core.Tests.Alerts;

/// <summary>The targets for age and bytes, over the list of what would be lost.</summary>
public sealed class TargetTests(PostgresFixture postgres) : TailerTest(postgres)
{
    private LossReader Loss => new(Database.Source);

    [Fact]
    public async Task Targets_OfTheSiteAndByPattern_AreEachHeldToTheirOwn()
    {
        await TailAsync();
        Assert.Empty((await Loss.SummaryAsync(Stop)).Targets);
        await AppendAsync(Events.Push("team/gold/a", "v1", bytes: 1000), Events.Push("team/gold/b", "v1", bytes: 500), Events.Push("other/x", "v1", bytes: 10_000), Events.Push("other/y", "v1", bytes: null));
        await Primary.ExecuteAsync("update event set received_at = clock_timestamp() - interval '10 minutes' where repository = 'other/x'");
        Assert.Equal(TailOutcome.UpToDate, await TailAsync());
        await new LossTargets(Database.Source).SetAsync(
            [new(null, TimeSpan.FromMinutes(5), 20_000), new(Of("team/gold/**"), TimeSpan.FromMinutes(5), 1400), new(Of("none/*"), null, 1), new(Of("other/?"), TimeSpan.FromHours(1), null)], Stop);

        var targets = (await Loss.SummaryAsync(Stop)).Targets;
        Assert.Equal(
            [(null, "age", true), (null, "bytes", false), ("team/gold/**", "age", false), ("team/gold/**", "bytes", true), ("none/*", "bytes", false), ("other/?", "age", false)],
            targets.Select(t => (t.Pattern, t.Kind, t.Passed)));
        Assert.InRange(targets[0].PassedBy!.Value, 299, 400);
        Assert.Equal((1500d, 100d), (targets[3].Value!.Value, targets[3].PassedBy!.Value));
        var status = (await new StatusReader(Database.Source, TimeProvider.System).ReadAsync(Stop))!;
        Assert.Contains("2 of 6 targets of what may be lost are passed", status.Reasons);

        // A new start replaces them.
        await new LossTargets(Database.Source).SetAsync([new(null, null, 1)], Stop);
        Assert.Equal((null, "bytes", true), Assert.Single((await Loss.SummaryAsync(Stop)).Targets.Select(t => (t.Pattern, t.Kind, t.Passed))));
    }

    [Fact]
    public async Task Window_LargerThanTheAgeOrUnknown_PassesTheTargetThoughNothingIsKnownToWait()
    {
        await new LossTargets(Database.Source).SetAsync([new(null, TimeSpan.FromMinutes(5), 1), new(Of("none/*"), TimeSpan.FromMinutes(5), null)], Stop);
        // Not read yet.
        Assert.All(Ages(await Loss.SummaryAsync(Stop)), t => Assert.True(t is { Passed: true, Value: null, PassedBy: null, ByWindow: true }));
        await TailAsync();
        Assert.All(Ages(await Loss.SummaryAsync(Stop)), t => Assert.False(t.Passed));
        await Database.ExecuteAsync("update cursor set read_at = clock_timestamp() - interval '6 minutes'");
        Assert.All(Ages(await Loss.SummaryAsync(Stop)), t => Assert.True(t is { Passed: true, ByWindow: true, PassedBy: > 59 and < 90 }));
        await Database.ExecuteAsync("update cursor set read_at = clock_timestamp(), problem = 'stopped'");
        Assert.All(Ages(await Loss.SummaryAsync(Stop)), t => Assert.True(t is { Passed: true, Value: null }));
    }

    [Fact]
    public async Task Patterns_InSql_TakeWhatTheyTakeInTheProgram()
    {
        string[] names = ["a", "a/b", "a/b/c", "a.b", "axb", "team/gold", "team/gold/x", "team-a/x_y", "b/a"];
        foreach (var text in new[] { "a", "a.b", "*", "**", "a/*", "a/**", "**/b", "?", "team/gold*", "team?gold", "***", "*/?", "a?b", "**/**", "team-*/x_?" })
        {
            var pattern = Of(text);
            var taken = await Database.ColumnAsync<string>($"select n from unnest(array['{string.Join("','", names)}']) n where n ~ '{LossTargets.Expression(pattern)}'");
            Assert.Equal(names.Where(pattern.Matches), taken);
        }
    }

    private static IEnumerable<TargetState> Ages(LossSummary summary) => summary.Targets.Where(t => t.Kind == LossTargets.Age);

    private static Pattern Of(string text) => Pattern.TryParse(text, out var pattern) ? pattern : throw new ArgumentException(text);
}
