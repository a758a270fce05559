using GeoDR.Core.Tests.EventLog;
using GeoDR.EventLog;
using GeoDR.Lab;
using GeoDR.Postgres;
using GeoDR.Selection;
using GeoDR.Tailing;
using GeoDR.Core.Tests.Postgres;
using Npgsql;

namespace GeoDR.Core.Tests.Tailing;

public sealed class StandbyTests(PostgresFixture postgres) : TailerTest(postgres)
{
    [Fact]
    public async Task Run_FromAHotStandby_FollowsByPolling()
    {
        await using var directory = LabDirectory.Create("core-standby");
        await using var standby = await Postgres.Cluster.CreateStandbyAsync(directory.PathOf("standby"), Stop);
        var database = new NpgsqlConnectionStringBuilder(Primary.ConnectionString).Database!;
        await using var source = NpgsqlDataSource.Create(standby.ConnectionString(database));
        await using var wakeUp = new WakeUp(source, LogAppender.Channel, TimeProvider.System);
        await wakeUp.PrepareAsync(Stop);
        Assert.True(wakeUp.PollingOnly);
        await wakeUp.WaitAsync(TimeSpan.FromMilliseconds(1), Stop);

        var tailer = new Tailer(new LogReader(source), Database.Source, SiteSelection.All);
        await Wait.UntilAsync(async token => await tailer.RunOnceAsync(token) == TailOutcome.UpToDate, TimeSpan.FromSeconds(20), () => "no cursor", Stop);
        await AppendAsync(Events.Many("a", 600));
        await Wait.UntilAsync(
            async token =>
            {
                await tailer.RunOnceAsync(token);
                return (await SeenAsync()).Count == 600;
            },
            TimeSpan.FromSeconds(20), () => "the events do not arrive", Stop);
        Assert.Equal(Enumerable.Range(1, 600).Select(i => (long)i), await SeenAsync());
    }
}
