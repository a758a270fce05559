using GeoDR.Alerts;
using GeoDR.Core.Tests.Postgres;

namespace GeoDR.Core.Tests.Alerts;

/// <summary>From conditions to alerts, and from alerts to what is to be said.</summary>
public sealed class AlertBookTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private static readonly string[] s_targets = ["webhook", "mail"];

    private AlertBook Book => new(Database.Source);

    private AlertList Alerts => new(Database.Source);

    [Fact]
    public async Task Alert_ThatStands_IsRaisedOnceRemindedAndEnded_AndOneThatFlashesIsNot()
    {
        await WriteAsync(Of("a"), Of("flash"));
        Assert.Empty(await Alerts.ListAsync(null, 10, Stop));
        Assert.Equal(new Evaluation(1, 0, 0), await WriteAsync(Of("a", "first")));
        var open = Assert.Single(await Alerts.ListAsync(open: true, 10, Stop));
        Assert.Equal(("log", "a", "open", "first", 7d), (open.Kind, open.Subject, open.State, open.Text, open.Figures["count"]));

        // It goes on, its words follow; a moment without it ends nothing.
        Assert.Equal(new Evaluation(0, 0, 0), await WriteAsync(Of("a", "later")));
        for (var i = 1; i < AlertBook.Ends; i++)
            Assert.Equal(new Evaluation(0, 0, 0), await WriteAsync());
        Assert.Equal(new Evaluation(0, 0, 0), await WriteAsync(Of("a", "later")));
        Assert.Equal("later", Assert.Single(await Alerts.ListAsync(true, 10, Stop)).Text);
        // Before it was told of the first, a reminder says nothing more.
        await Database.ExecuteAsync("update alert set reminded_at = reminded_at - interval '5 hours'; update alert_delivery set delivered_at = clock_timestamp() where target = 'mail'");
        Assert.Equal(new Evaluation(0, 1, 0), await WriteAsync(Of("a", "later")));
        Assert.Equal(new Evaluation(0, 0, 0), await WriteAsync(Of("a", "later")));
        for (var i = 1; i < AlertBook.Ends; i++)
            await WriteAsync();
        Assert.Equal(new Evaluation(0, 0, 1), await WriteAsync());
        Assert.Equal("ended", Assert.Single(await Alerts.ListAsync(open: false, 10, Stop)).State);
        Assert.Empty(await Alerts.ListAsync(open: true, 10, Stop));
        Assert.Equal(
            ["mail ended", "mail raised", "mail reminded", "webhook ended", "webhook raised"],
            (await Alerts.DeliveriesAsync(10, Stop)).Select(d => $"{d.Target} {d.Event}").Order());
        // The next one is a new alert.
        await WriteAsync(Of("a"));
        Assert.Equal(new Evaluation(1, 0, 0), await WriteAsync(Of("a")));
        Assert.Equal(2, (await Alerts.ListAsync(null, 10, Stop)).Count);
    }

    [Fact]
    public async Task Alerts_ManyAtOnce_AreOneMessage()
    {
        var storm = Enumerable.Range(0, 70).Select(i => Of($"s{i}", $"text {i}")).ToArray();
        await WriteAsync(storm);
        Assert.Equal(70, (await WriteAsync(storm)).Raised);
        Assert.Equal(2, (await Alerts.DeliveriesAsync(10, Stop)).Count);
        var message = (await new Outbox(Database.Source).TakeAsync(["mail"], Stop))!.Message;
        Assert.Equal((50, 20, "here: 70 alerts were raised at once: "), (message.Alerts.Count, message.More, message.Text[..37]));
        Assert.Contains("20 more", message.Body(), StringComparison.Ordinal);
        // Twenty go one by one.
        for (var i = 0; i < AlertBook.Ends; i++)
            await WriteAsync([.. storm.Take(50)]);
        Assert.Equal(2 * 21, (await Alerts.DeliveriesAsync(100, Stop)).Count);
    }

    [Fact]
    public async Task Turn_ManyNodesTry_OneHasIt()
    {
        var taken = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Book.TakeTurnAsync(TimeSpan.FromHours(1), Stop)));
        Assert.Single(taken, t => t);
        Assert.False(await Book.TakeTurnAsync(TimeSpan.FromHours(1), Stop));
        Assert.True(await Book.TakeTurnAsync(TimeSpan.Zero, Stop));
        // Two that write at once still raise it once.
        await WriteAsync(Of("a"));
        var raised = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => WriteAsync(Of("a"))));
        Assert.Equal(1, raised.Sum(r => r.Raised));
        Assert.Equal(2, (await Alerts.DeliveriesAsync(10, Stop)).Count);
    }

    [Fact]
    public async Task Prune_Old_IsForgotten()
    {
        await WriteAsync(Of("a"));
        await WriteAsync(Of("a"));
        await Database.ExecuteAsync("update alert set ended_at = clock_timestamp() - interval '91 days'; update alert_delivery set created_at = clock_timestamp() - interval '91 days'");
        await Book.PruneAsync(TimeSpan.FromDays(90), Stop);
        Assert.Empty(await Alerts.ListAsync(null, 10, Stop));
        Assert.Empty(await Alerts.DeliveriesAsync(10, Stop));
    }

    private Task<Evaluation> WriteAsync(params IReadOnlyList<Condition> found) => Book.WriteAsync("here", found, s_targets, TimeSpan.FromHours(4), Stop);

    private static Condition Of(string subject, string text = "it is so") =>
        new(AlertKinds.Log, subject, Severities.Critical, text, "do this", new Dictionary<string, double> { ["count"] = 7 });
}
