using System.Diagnostics;
using GeoDR.Core.Tests.Postgres;
using GeoDR.SyncState;

namespace GeoDR.Core.Tests.Jobs;

/// <summary>How many empty jobs a second a database takes, by hand: docs/decisions/0008 compares.</summary>
public sealed class ClaimRate(PostgresFixture postgres, ITestOutputHelper output) : DatabaseTest(postgres)
{
    private const int Workers = 8;

    [Theory(Explicit = true)]
    [InlineData(16, 16_000)]
    [InlineData(1, 4_000)]
    [InlineData(0, 4_000)]
    public async Task Jobs_ClaimedAndFinished(int atOnce, int rows)
    {
        await Database.ExecuteAsync($"insert into repository (name) select 'r' || i from generate_series(1, {rows}) i; analyze repository");
        var claims = new Claims(Database.Source);
        var began = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(async n =>
        {
            var worker = Guid.NewGuid();
            await Database.ExecuteAsync($"insert into worker (id, node, slots, lease_until) values ('{worker}', 'node', 16, clock_timestamp() + interval '5 minutes')");
            if (atOnce == 0)
            {
                // As jobs of a queue are: each carries an id.
                for (long id = n + 1; id <= rows; id += Workers)
                    await FinishAsync((await claims.ClaimPendingAsync(worker, id, Stop))!);
                return;
            }
            while (await claims.ClaimAsync(worker, Transition.Backfill, atOnce, Stop) is { Count: > 0 } claimed)
                await Task.WhenAll(claimed.Select(FinishAsync));
        }));
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        Assert.Equal(rows, await Database.ScalarAsync<long>("select count(*) from repository where state = 2"));
        output.WriteLine($"{(atOnce == 0 ? "claims of one given row" : $"claims of {atOnce}")}, {Workers} workers: {rows / seconds:0} jobs a second");

        Task FinishAsync(ClaimedRepository claim) => claims.FinishAsync(claim, new(claim.FullWanted, null, false), 0, Stop);
    }
}
