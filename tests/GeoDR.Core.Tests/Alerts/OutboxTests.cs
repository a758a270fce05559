using GeoDR.Alerts;
using GeoDR.Core.Tests.Postgres;

namespace GeoDR.Core.Tests.Alerts;

/// <summary>What is to be said, through kills and with several nodes.</summary>
public sealed class OutboxTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private Outbox Outbox => new(Database.Source);

    [Fact]
    public async Task Message_SenderDiesBeforeItIsMarked_IsSentAgainUnderTheSameKey()
    {
        await RaiseAsync("a");
        var first = (await TakeAsync())!;
        // Its sender is killed here; while it might still live, nobody takes the message.
        Assert.Null(await TakeAsync());
        await Database.ExecuteAsync("update alert_delivery set next_at = next_at - interval '1 minute'");
        var second = (await TakeAsync())!;
        Assert.Equal((first.Key, 2), (second.Key, second.Attempts));
        await Outbox.WriteAsync(second, DeliveryResult.Done, Stop);
        // The dead one was only slow: what it says changes nothing.
        await Outbox.WriteAsync(first, DeliveryResult.Later("late"), Stop);
        Assert.Equal("delivered", Assert.Single(await new AlertList(Database.Source).DeliveriesAsync(10, Stop)).State);
        await Database.ExecuteAsync("update alert_delivery set next_at = '-infinity'");
        Assert.Null(await TakeAsync());
    }

    [Fact]
    public async Task Messages_ManyNodesTake_EachGoesToOne()
    {
        await RaiseAsync([.. Enumerable.Range(0, 15).Select(i => $"s{i}")]);
        var taken = new List<long>();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            while (await TakeAsync() is { } delivery)
            {
                lock (taken)
                    taken.Add(delivery.Id);
                await Outbox.WriteAsync(delivery, DeliveryResult.Done, Stop);
            }
        }));
        Assert.Equal(15, taken.Count);
        Assert.Equal(15, taken.Distinct().Count());
    }

    [Fact]
    public async Task Message_ThatFails_IsTriedLaterSeldomOrNoMore_AndItsEndWaitsForIt()
    {
        await RaiseAsync("a");
        for (var i = 0; i < AlertBook.Ends; i++)
            await new AlertBook(Database.Source).WriteAsync("here", [], ["webhook"], TimeSpan.Zero, Stop);
        var raised = (await TakeAsync())!;
        Assert.Equal("raised", raised.Message.Event);
        await Outbox.WriteAsync(raised, DeliveryResult.Later("answered 500"), Stop);
        // "Over" is not said before "raised".
        Assert.Null(await TakeAsync());
        Assert.InRange(await NextInAsync(), 1, 6);
        await AgainAsync();
        await Outbox.WriteAsync((await TakeAsync())!, DeliveryResult.Later("answered 500"), Stop);
        Assert.InRange(await NextInAsync(), 6, 11);
        await AgainAsync();
        await Outbox.WriteAsync((await TakeAsync())!, DeliveryResult.Refused("answered 404"), Stop);
        Assert.InRange(await NextInAsync(), 3500, 3601);
        var shown = (await new AlertList(Database.Source).DeliveriesAsync(10, Stop))[^1];
        Assert.Equal(("failing", 3, "answered 404"), (shown.State, shown.Attempts, shown.Error));

        await Database.ExecuteAsync("update alert_delivery set created_at = clock_timestamp() - interval '2 days' where event = 'raised'");
        await AgainAsync();
        await Outbox.WriteAsync((await TakeAsync())!, DeliveryResult.Later("answered 500"), Stop);
        Assert.Equal("given up", (await new AlertList(Database.Source).DeliveriesAsync(10, Stop))[^1].State);
        Assert.Equal("ended", (await TakeAsync())!.Message.Event);
        Assert.Equal(TimeSpan.FromMinutes(15), Outbox.Pause(1000));
        // A target that is not configured any more keeps its messages, and nobody tries them.
        await RaiseAsync("b");
        Assert.Null(await Outbox.TakeAsync(["mail"], Stop));
        Assert.Null(await Outbox.TakeAsync([], Stop));
    }

    private Task<Delivery?> TakeAsync() => Outbox.TakeAsync(["webhook"], Stop);

    private Task AgainAsync() => Database.ExecuteAsync("update alert_delivery set next_at = clock_timestamp() where event = 'raised'");

    private Task<double> NextInAsync() =>
        Database.ScalarAsync<double>("select extract(epoch from next_at - clock_timestamp())::float8 from alert_delivery where event = 'raised'");

    private async Task RaiseAsync(params string[] subjects)
    {
        for (var i = 0; i < AlertBook.Raises; i++)
            await new AlertBook(Database.Source).WriteAsync(
                "here", [.. subjects.Select(s => new Condition(AlertKinds.Outage, s, Severities.Critical, "it is so", "do this", new Dictionary<string, double>()))],
                ["webhook"], TimeSpan.Zero, Stop);
    }
}
