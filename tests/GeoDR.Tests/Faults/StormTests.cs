using GeoDR.Lab;
using GeoDR.Lab.Faults;
using Npgsql;

namespace GeoDR.Tests.Faults;

/// <summary>The primary's registry struggles, or one of its repositories is broken: what can be synced is, without help.</summary>
public sealed class StormTests(StormTests.BehindProxy behind) : IClassFixture<StormTests.BehindProxy>
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Registry_429StormsAnd5xxBursts_AreWaitedOut()
    {
        var (sites, proxy) = behind.Fresh();
        var storms = new[]
        {
            proxy.Add(new HttpFaultRule { Path = "/manifests/|/blobs/", Times = 12, Status = 429, Headers = new Dictionary<string, string> { ["Retry-After"] = "1" } }),
            proxy.Add(new HttpFaultRule { Path = "/manifests/|/blobs/", Skip = 10, Times = 15, Status = 503 }),
            proxy.Add(new HttpFaultRule { Method = "GET", Path = "/blobs/", Skip = 5, Times = 5, CutResponseAfter = 1000 }),
        };
        await PushAsync(sites, "burst", 20);
        await AllSyncedAsync(sites, "burst", 20, failed: []);
        Assert.All(storms, storm => Assert.Equal(0, storm.Times));
        await sites.WaitUntilEqualAsync(TimeSpan.FromSeconds(20), cancellationToken: Stop);
    }

    [Fact]
    public async Task Registry_Stalls_IsLeftAfterTheIdleTimeoutAndReadFromThere()
    {
        var (sites, proxy) = behind.Fresh();
        var stall = proxy.Add(new HttpFaultRule { Method = "GET", Path = "/blobs/", Times = 1, StallResponseAfter = 1 << 20 });
        var image = await sites.Primary.Pusher.PushAsync("stalled/one", "v1", new ImageSpec(ImageKind.Oci, 5, new LayerSpec(5, 4 << 20)), Stop);
        await sites.WaitForArrivalAsync(image, TimeSpan.FromSeconds(30), Stop);
        Assert.Equal(1, stall.Hits);
        Assert.Equal(0L, await CountAsync(sites, "select count(*) from failure f join repository r on r.id = f.repository_id where r.name = 'stalled/one'"));
    }

    [Fact]
    public async Task Registry_OneRepositoryAlwaysAnswers500_OnlyThatOneFails()
    {
        var (sites, proxy) = behind.Fresh();
        proxy.Add(new HttpFaultRule { Path = "/storm/007/", Status = 500, Body = "corrupt" });
        await PushAsync(sites, "storm", 24);
        await AllSyncedAsync(sites, "storm", 23, failed: ["storm/007"]);

        // Mended, it goes on by itself or as soon as somebody asks.
        proxy.Clear();
        (await sites.Secondary.Geo.RunAsync("resync", "--state", "failed")).EnsureSuccess();
        await AllSyncedAsync(sites, "storm", 24, failed: []);
        await sites.WaitUntilEqualAsync(TimeSpan.FromSeconds(20), cancellationToken: Stop);
    }

    [Fact]
    public async Task Token_RefusedOnTheWay_IsRenewedOnce()
    {
        var (sites, proxy) = behind.Fresh();
        // Distribution takes a token for a minute after its end, so an expired one is answered here as the registry would.
        foreach (var n in Enumerable.Range(0, 4))
        {
            var expired = proxy.Add(new HttpFaultRule
            {
                Path = $"/expired/{n}/(manifests|blobs)/", Skip = n, Times = 1, Status = 401,
                Headers = new Dictionary<string, string> { ["WWW-Authenticate"] = "Bearer realm=\"http://127.0.0.1/token\",service=\"berlin-registry\",error=\"invalid_token\"" },
            });
            var image = await sites.Primary.Pusher.PushAsync($"expired/{n}", "v1", ImageSpec.Random(ImageKind.Oci, 31 + n, layers: 4), Stop);
            await sites.WaitForArrivalAsync(image, TimeSpan.FromSeconds(30), Stop);
            Assert.Equal(1, expired.Hits);
        }
        await Wait.UntilAsync(
            async _ => await CountAsync(sites, "select count(*) from repository where state = 2 and retry_count = 0 and name like 'expired/%'") == 4,
            TimeSpan.FromSeconds(30), () => sites.Secondary.Geo.Serve?.LogTail(30) ?? "", Stop);
    }

    /// <summary>Two sites of which the secondary reaches the primary's registry through a proxy.</summary>
    public sealed class BehindProxy : IAsyncLifetime
    {
        private TwoSites _sites = null!;
        private HttpFaultProxy _proxy = null!;

        public async ValueTask InitializeAsync() => _sites = await TwoSites.StartAsync(new()
        {
            CreateAdmin = false,
            Links = async links => links with { PrimaryRegistryFromSecondary = (_proxy = await HttpFaultProxy.StartAsync(links.PrimaryRegistry)).Url },
            Configure = site => site.Set("Sync:IdleTimeout", "4s"),
        });

        /// <summary>With no rule left that an earlier test made.</summary>
        public (TwoSites Sites, HttpFaultProxy Proxy) Fresh()
        {
            _proxy.Clear();
            return (_sites, _proxy);
        }

        public async ValueTask DisposeAsync()
        {
            await _sites.DisposeAsync();
            await _proxy.DisposeAsync();
        }
    }

    private static Task PushAsync(TwoSites sites, string name, int count) => Parallel.ForEachAsync(
        Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = Stop },
        async (n, token) => await sites.Primary.Pusher.PushAsync($"{name}/{n:000}", "v1", ImageSpec.Random(ImageKind.Oci, (name == "burst" ? 1000 : 2000) + n), token));

    private static async Task AllSyncedAsync(TwoSites sites, string name, int synced, string[] failed)
    {
        await Wait.UntilAsync(
            async _ => await CountAsync(sites, $"select count(*) from repository where state = 2 and name like '{name}/%'") == synced
                && await CountAsync(sites, "select count(*) from repository where state = 3") == failed.Length
                && await CountAsync(sites, "select count(*) from repository where state in (0, 1)") == 0,
            TimeSpan.FromSeconds(60), () => $"not {synced} synced and {failed.Length} failed\n{sites.Secondary.Geo.Serve?.LogTail(40)}", Stop);
        Assert.Equal((long)failed.Length, await CountAsync(sites, $"select count(*) from repository where state = 3 and name = any ('{{{string.Join(',', failed)}}}')"));
    }

    private static async Task<long> CountAsync(TwoSites sites, string sql)
    {
        await using var source = NpgsqlDataSource.Create(sites.Secondary.ConnectionString);
        await using var command = source.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync(Stop))!;
    }
}
