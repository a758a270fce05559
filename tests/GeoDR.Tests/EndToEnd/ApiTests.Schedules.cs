using System.Net;
using GeoDR.Lab;

namespace GeoDR.Tests.EndToEnd;

/// <summary>The schedules by API and on the dashboard, at the primary.</summary>
public sealed partial class ApiTests
{
    [Fact]
    public async Task Schedules_AreListedShownAndRunByHand()
    {
        var geo = _sites.Primary.Geo;
        using var http = await SignedInAsync(geo);
        using var wish = await http.PostAsync("/api/v1/schedules/reconcile/run", null, Stop);
        using var unknown = await http.PostAsync("/api/v1/schedules/none/run", null, Stop);
        using var far = await http.GetAsync("/api/v1/schedules/reconcile/runs?limit=100000", Stop);
        Assert.Equal((HttpStatusCode.Accepted, HttpStatusCode.NotFound, HttpStatusCode.BadRequest), (wish.StatusCode, unknown.StatusCode, far.StatusCode));
        await Wait.UntilAsync(
            async _ => (string?)(await JsonAsync(http, "/api/v1/schedules/reconcile/runs"))["items"]![0]!["status"] == "done",
            TimeSpan.FromSeconds(40), () => geo.Serve?.LogTail(30) ?? "", Stop);
        var row = Assert.Single((await JsonAsync(http, "/api/v1/schedules"))["items"]!.AsArray(), s => (string?)s!["name"] == "reconcile")!;
        Assert.Equal(("reconcile", "hand", TwoSites.AdminUser), ((string?)row["name"], (string?)row["last"]!["cause"], (string?)row["last"]!["wantedBy"]));
        Assert.Contains("schedule run", (await geo.RunAsync("audit", "--json")).EnsureSuccess().Output, StringComparison.Ordinal);
        Assert.Contains("Run now: reconcile", await http.GetStringAsync("/schedules", Stop), StringComparison.Ordinal);
    }
}
