using System.Text.Json.Nodes;
using GeoDR.Lab;

namespace GeoDR.Tests.EndToEnd;

/// <summary>A secondary that knows the primary's GeoDR alone, and not its database.</summary>
public sealed class HttpLogTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Pushes_FollowedOverHttp_ArriveThroughAKillOfThePrimarysProcess()
    {
        await using var sites = await TwoSites.StartAsync(new TwoSitesOptions { CreateAdmin = false, HttpLog = true }, Stop);
        var before = await sites.Primary.Pusher.PushAsync("log/one", "v1", ImageSpec.Random(ImageKind.Oci, 1), Stop);
        await sites.WaitForArrivalAsync(before, TimeSpan.FromSeconds(30), Stop);

        sites.Primary.Geo.Kill();
        // The registry keeps what it could not tell, and tells it again.
        var meanwhile = await sites.Primary.Pusher.PushAsync("log/two", "v1", ImageSpec.Random(ImageKind.Oci, 2), Stop);
        Assert.Contains("/api/v1/log", Assert.Single(await CheckAsync(sites), l => (string?)l!["result"] == "fail")!["detail"]!.ToString(), StringComparison.Ordinal);
        await sites.Primary.Geo.StartServeAsync(cancellationToken: Stop);
        await sites.WaitForArrivalAsync(meanwhile, TimeSpan.FromSeconds(30), Stop);
        await sites.WaitUntilEqualAsync(TimeSpan.FromSeconds(30), cancellationToken: Stop);

        Assert.All(await CheckAsync(sites), line => Assert.Equal("pass", (string?)line!["result"]));
        await using var primary = Npgsql.NpgsqlDataSource.Create(sites.Primary.ConnectionString);
        await using var readers = primary.CreateCommand("select count(*) from pg_stat_activity where usename = 'geo_reader'");
        Assert.Equal(0L, await readers.ExecuteScalarAsync(Stop));
        await using var secondary = Npgsql.NpgsqlDataSource.Create(sites.Secondary.ConnectionString);
        await using var backfills = secondary.CreateCommand("select string_agg(reason, ';') from request where kind = 'backfill'");
        Assert.Equal("first start", await backfills.ExecuteScalarAsync(Stop));
    }

    private static async Task<JsonArray> CheckAsync(TwoSites sites) => JsonNode.Parse((await sites.Secondary.Geo.RunAsync("check", "--json")).Output)!.AsArray();
}
