using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using GeoDR.Lab;
using GeoDR.Lab.Faults;
using GeoDR.Tests.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace GeoDR.Tests.EndToEnd;

/// <summary>A primary that is cut off: who is told, what says so, and that it ends.</summary>
public sealed class AlertTests
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(30);

    private readonly ConcurrentQueue<(string Signature, JsonNode Message)> _received = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Primary_CutOff_PassesTheAgeTarget_IsToldShownAndMeasured_AndIsOverAfterwards()
    {
        await using var receiver = await ReceiverAsync();
        FaultProxy? line = null;
        var metrics = new Uri($"http://127.0.0.1:{Ports.Free()}/metrics");
        await using var sites = await TwoSites.StartAsync(
            new()
            {
                CreateAdmin = false,
                Links = links =>
                {
                    var log = new NpgsqlConnectionStringBuilder(links.Log);
                    line = FaultProxy.Start("127.0.0.1", log.Port);
                    log.Port = line.Port;
                    return Task.FromResult(links with { Log = log.ConnectionString });
                },
                Configure = site =>
                {
                    if (site.Name == TwoSites.SecondaryName)
                        site.Set("Targets:Age", "3s").Set("Targets:Rules:0:Pattern", "team/**").Set("Targets:Rules:0:Bytes", "1GB").Set("Alerts:Every", "200ms")
                            .Set("Alerts:Webhook:Url", $"{receiver.Urls.First()}/hook").Set("Alerts:Webhook:AllowHttp", "true").Set("Alerts:Webhook:Secret", "a secret")
                            .Set("Metrics:Listen", metrics.Authority);
                },
            },
            Stop);
        await using var proxy = line!;
        var secondary = sites.Secondary.Geo;
        var token = (await secondary.RunAsync("apitoken", "new", "views", "--role", "viewer")).EnsureSuccess().Output.Trim();
        using var http = new HttpClient { BaseAddress = secondary.Url };
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync("/metrics", Stop)).StatusCode);
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        (await secondary.RunAsync("alerts", "test")).EnsureSuccess();
        var (signature, test) = await ReceivedAsync("test", 0, secondary);
        Assert.Equal(("madrid", true), ((string)test["site"]!, signature.StartsWith("t=", StringComparison.Ordinal)));
        await UntilPassedAsync(http, false, secondary);

        // A busy machine may have passed three seconds before: what was said until now counts for nothing.
        var known = _received.Count;
        proxy.RefuseConnections = true;
        proxy.CutAll();
        var (_, raised) = await ReceivedAsync("raised", known, secondary);
        Assert.Equal(("target-age", "site", "critical"), ((string)raised["alerts"]![0]!["kind"]!, (string)raised["alerts"]![0]!["subject"]!, (string)raised["severity"]!));
        await UntilPassedAsync(http, true, secondary);
        Assert.Contains("Passed: the target of 3 s, by ", (await secondary.RunAsync("loss")).Error, StringComparison.Ordinal);
        var status = JsonNode.Parse(await http.GetStringAsync("/api/v1/status", Stop))!;
        Assert.InRange((int)status["openAlerts"]!, 1, 2);
        Assert.Contains(status["reasons"]!.AsArray(), r => ((string)r!).Contains("1 of 2 targets", StringComparison.Ordinal));
        // The receiver has it before this site has written that down.
        await Wait.UntilAsync(
            async token => JsonNode.Parse(await http.GetStringAsync("/api/v1/alerts?state=open", token))! is var listed
                && listed["items"]!.AsArray().Any(a => (string)a!["kind"]! == "target-age") && (string)listed["deliveries"]![0]!["state"]! == "delivered",
            s_deadline, () => "the alert is not shown as delivered", Stop);
        Assert.Equal(HttpStatusCode.Forbidden, (await http.PostAsync("/api/v1/alerts/test", null, Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await http.GetAsync("/api/v1/alerts?state=closed", Stop)).StatusCode);
        await MetricsAsync(http, metrics);

        known = _received.Count;
        proxy.RefuseConnections = false;
        await ReceivedAsync("ended", known, secondary);
        await UntilPassedAsync(http, false, secondary);
        await Wait.UntilAsync(
            async token => (await secondary.RunAsync(["alerts", "list", "--json"], null, token)).EnsureSuccess().Output.Trim() == "[]", s_deadline, () => "an alert is open", Stop);
        Assert.DoesNotContain("a secret", secondary.Serve!.LogTail(10_000), StringComparison.Ordinal);
        Assert.DoesNotContain("/hook", secondary.Serve!.LogTail(10_000), StringComparison.Ordinal);
    }

    private static async Task MetricsAsync(HttpClient http, Uri listener)
    {
        using var alone = new HttpClient();
        Assert.Equal(HttpStatusCode.NotFound, (await alone.GetAsync(new Uri(listener, "/api/v1/status"), Stop)).StatusCode);
        using var answer = await http.GetAsync("/metrics", Stop);
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", answer.Content.Headers.ContentType!.ToString());
        var samples = MetricsParser.Parse(await answer.Content.ReadAsStringAsync(Stop));
        Assert.Equal(1, Value("geodr_target_passed", ("scope", "site")));
        Assert.Equal(0, Value("geodr_target_passed", ("scope", "rule-1")));
        Assert.Equal(1, Value("geodr_alerts", ("kind", "target-age")));
        Assert.Equal(1, Value("geodr_database_up"));
        Assert.True(Value("geodr_loss_window_seconds") > 3);
        var before = Value("geodr_metrics_readings_total");
        // Twenty fetches at once are one reading at most, and each is whole.
        var texts = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => alone.GetStringAsync(listener, Stop)));
        samples = MetricsParser.Parse(texts[^1]);
        Assert.InRange(Value("geodr_metrics_readings_total"), before, before + 1);

        double Value(string name, (string Name, string Value)? label = null) =>
            samples.Single(s => s.Name == name && (label is not { } l || s.Labels[l.Name] == l.Value)).Value;
    }

    private static Task UntilPassedAsync(HttpClient http, bool passed, GeoSite site) => Wait.UntilAsync(
        async token => (bool)JsonNode.Parse(await http.GetStringAsync("/api/v1/status", token))!["loss"]!["targets"]![0]!["passed"]! == passed,
        s_deadline, () => $"the target is {(passed ? "kept" : "passed")}\n{site.Serve?.LogTail(30)}", Stop);

    private async Task<(string Signature, JsonNode Message)> ReceivedAsync(string happened, int known, GeoSite site)
    {
        await Wait.UntilAsync(
            () => _received.Skip(known).Any(r => (string)r.Message["event"]! == happened), s_deadline,
            () => $"no '{happened}' in {string.Join('\n', _received.Select(r => r.Message.ToJsonString()))}\n{site.Serve?.LogTail(30)}", Stop);
        return _received.Skip(known).First(r => (string)r.Message["event"]! == happened);
    }

    private async Task<WebApplication> ReceiverAsync()
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrel(k => k.Listen(IPAddress.Loopback, 0));
        var receiver = builder.Build();
        receiver.Run(async http =>
            _received.Enqueue((http.Request.Headers["X-GeoDR-Signature"].ToString(), (await JsonNode.ParseAsync(http.Request.Body, cancellationToken: http.RequestAborted))!)));
        await receiver.StartAsync(Stop);
        return receiver;
    }
}
