using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using GeoDR.Lab;
using GeoDR.Lab.Faults;

namespace GeoDR.Tests.EndToEnd;

/// <summary>What the API tells of work that runs, and of work that has ended.</summary>
public sealed class ProgressTests
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(30);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Repository_WhileASlowLayerIsCopied_SaysHowFarItIs_ThenWhatItCost()
    {
        const int Layer = 16 << 20;
        FaultProxy? line = null;
        await using var sites = await TwoSites.StartAsync(
            new()
            {
                CreateAdmin = false,
                Links = links =>
                {
                    line = FaultProxy.Start("127.0.0.1", links.PrimaryRegistry.Port);
                    line.BytesPerSecond = 2 << 20;
                    return Task.FromResult(links with { PrimaryRegistryFromSecondary = line.Url });
                },
            },
            Stop);
        await using var proxy = line!;
        var token = (await sites.Secondary.Geo.RunAsync("apitoken", "new", "test")).EnsureSuccess().Output.Trim();
        using var http = new HttpClient { BaseAddress = sites.Secondary.Geo.Url, DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", token) } };
        await sites.Primary.Pusher.PushAsync("progress/slow", "v1", new ImageSpec(ImageKind.Oci, 61, new LayerSpec(61, Layer)), Stop);

        var row = await UntilAsync(http, "progress/slow", r => r["progress"]?["bytesPerSecond"]?.GetValue<double>() > 0);
        Assert.Equal("started", (string?)row["state"]);
        Assert.InRange((long)row["progress"]!["bytesDone"]!, 1, Layer);
        Assert.True((long)row["progress"]!["bytesToDo"]! >= Layer);
        Assert.True((double)row["progress"]!["secondsLeft"]! >= 0);
        proxy.BytesPerSecond = 0;

        row = await UntilAsync(http, "progress/slow", r => (string?)r["state"] == "synced");
        Assert.Null(row["progress"]);
        var attempts = JsonNode.Parse(await http.GetStringAsync($"/api/v1/repositories/{row["id"]}/attempts", Stop))!["items"]!.AsArray();
        var whole = Assert.Single(attempts, a => (long)a!["bytes"]! > Layer)!;
        Assert.InRange((long)whole["requests"]!, 5, 30);
        Assert.True((double)whole["seconds"]! > 0);
    }

    private static async Task<JsonNode> UntilAsync(HttpClient http, string name, Func<JsonNode, bool> holds)
    {
        JsonNode? row = null;
        await Wait.UntilAsync(
            async token =>
            {
                var page = JsonNode.Parse(await http.GetStringAsync($"/api/v1/repositories?search={Uri.EscapeDataString(name)}", token))!;
                row = page["items"]!.AsArray().FirstOrDefault();
                return row is not null && holds(row);
            },
            s_deadline, () => $"{row}", Stop);
        return row!;
    }
}
