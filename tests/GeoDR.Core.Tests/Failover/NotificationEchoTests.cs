using System.Net;
using GeoDR.Configuration;
using GeoDR.Core.Tests.EventLog;
using GeoDR.Core.Tests.Postgres;
using GeoDR.EventLog;
using GeoDR.Failover;
using GeoDR.Hosting;
using GeoDR.Inventory;
using GeoDR.Lab.Registries;

namespace GeoDR.Core.Tests.Failover;

/// <summary>When a registry is believed to have told all, and when only a comparison will do.</summary>
public sealed class NotificationEchoTests(PostgresFixture postgres) : DatabaseTest(postgres, "primary")
{
    private LabRegistry _registry = null!;
    private DateTimeOffset _since;
    private TimeSpan _patience = TimeSpan.FromSeconds(20);

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _registry = await LabRegistry.StartAsync();
        await Database.ExecuteAsync("insert into registry_instance (id, first_seen_at) select i, clock_timestamp() - interval '1 day' from unnest('{one,two}'::text[]) as i");
        await Database.ExecuteAsync("insert into registry_instance (id, first_seen_at, last_seen_at) select 'dead', t, t from (select clock_timestamp() - interval '1 day' as t) x");
        _since = await Database.ScalarAsync<DateTime>("select clock_timestamp()");
    }

    public override async ValueTask DisposeAsync()
    {
        await _registry.DisposeAsync();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task Echo_OfEveryLivingInstance_IsBelieved_AndTheInventoryHoldsAllOfIt()
    {
        Assert.Null(await HearAsync("one", "two"));
        Assert.True(await Database.ScalarAsync<bool>("select event_id = (select max(id) from event) from inventory_position"));
    }

    [Fact]
    public async Task Instance_ThatIsSilent_IsNot()
    {
        _patience = TimeSpan.FromSeconds(3);
        Assert.Equal("1 of the instances of the registry was not heard of", await HearAsync("two"));
    }

    [Fact]
    public async Task Canary_ThatNobodyTellsOf_IsNot()
    {
        _patience = TimeSpan.FromMilliseconds(100);
        Assert.Equal("no notification of the canary arrived", await HearAsync());
    }

    [Fact]
    public async Task Instance_ThatIsNew_HasLostWhatTheLastOneQueued()
    {
        Assert.Equal("the registry restarted meanwhile", await HearAsync("three", "one", "two"));
        await Database.ExecuteAsync("insert into registry_instance (id) values ('three')");
        Assert.Equal("the registry restarted meanwhile", await HearAsync("three", "one", "two"));
    }

    [Fact]
    public async Task Notification_ThatWasNotUnderstood_MayHaveBeenAPush()
    {
        await new LogAppender(Database.Source).AppendAsync([], [new("{"u8.ToArray(), false, ["broken"], null)], Stop);
        Assert.Equal("a notification could not be understood", await HearAsync("one", "two"));
    }

    [Fact]
    public async Task Registry_ThatTakesNoPush_GivesNoEcho()
    {
        await _registry.StopAsync();
        Assert.StartsWith("this site's registry took no canary", await HearAsync("one", "two"), StringComparison.Ordinal);
    }

    /// <summary>Each push of the canary is told of by the next of these instances.</summary>
    private async Task<string?> HearAsync(params string[] instances)
    {
        var settings = new GeoSettings { SiteName = "here", Role = "primary", Database = "", Registry = new() { Url = _registry.Url, AllowHttp = true } };
        using var telling = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var teller = instances.Length == 0 ? Task.CompletedTask : TellAsync(instances, telling.Token);
        var missing = await new NotificationEcho(settings, Database.Source, new InventoryFold(Database.Source), TimeProvider.System)
            .HearAsync(_since, _patience, Stop);
        await telling.CancelAsync();
        await teller;
        return missing?.Missing;
    }

    private async Task TellAsync(string[] instances, CancellationToken stop)
    {
        using var http = new HttpClient();
        var (told, last) = (0, (string?)null);
        while (!stop.IsCancellationRequested)
        {
            try
            {
                using var head = new HttpRequestMessage(HttpMethod.Head, new Uri(_registry.Url, $"v2/{SiteRelations.CanaryRepository}/manifests/{Canary.Tag}"));
                head.Headers.Accept.ParseAdd("application/vnd.oci.image.manifest.v1+json");
                using var answer = await http.SendAsync(head, stop);
                var digest = answer.StatusCode == HttpStatusCode.OK ? answer.Headers.GetValues("Docker-Content-Digest").Single() : last;
                if (digest != last)
                    await new LogAppender(Database.Source).AppendAsync([Events.Push(SiteRelations.CanaryRepository, Canary.Tag, digest: digest!) with { InstanceId = instances[told++ % instances.Length] }], [], stop);
                last = digest;
                await Task.Delay(5, stop);
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
            {
            }
        }
    }
}
