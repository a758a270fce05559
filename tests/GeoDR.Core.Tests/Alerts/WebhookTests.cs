using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using GeoDR.Alerts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace GeoDR.Core.Tests.Alerts;

/// <summary>The webhook, against a real server.</summary>
public sealed class WebhookTests : IAsyncLifetime
{
    private const string Secret = "a secret";

    private readonly List<(string Path, string? Signature, string? Delivery, byte[] Body)> _received = [];
    private WebApplication _server = null!;
    private Uri _url = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrel(k => k.Listen(IPAddress.Loopback, 0)).UseShutdownTimeout(TimeSpan.Zero);
        _server = builder.Build();
        _server.Run(AnswerAsync);
        await _server.StartAsync();
        _url = new Uri(_server.Urls.First());
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Message_Signed_ArrivesAsItsSignatureSays()
    {
        var alert = new Alert(1, AlertKinds.TargetAge, "team/ä\n", Severities.Critical, "open", "it is \"so\"", "do this", new Dictionary<string, double> { ["limit"] = 300 }, DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch, null);
        var message = AlertMessage.Of("here", AlertEvents.Raised, DateTimeOffset.UnixEpoch, [alert]);
        Assert.Equal(DeliveryResult.Done, await SendAsync("/200", message));
        var (_, signature, delivery, body) = Assert.Single(_received);
        Assert.Equal("key-1", delivery);
        var seconds = signature!.Split(',')[0][2..];
        Assert.Equal(Webhook.Sign(Secret, DateTimeOffset.FromUnixTimeSeconds(long.Parse(seconds)), body), signature);
        Assert.NotEqual(Webhook.Sign("another", DateTimeOffset.FromUnixTimeSeconds(long.Parse(seconds)), body), signature);
        using var json = JsonDocument.Parse(body);
        var root = json.RootElement;
        Assert.Equal(("here", "raised", "critical", 1), (root.GetProperty("site").GetString(), root.GetProperty("event").GetString(), root.GetProperty("severity").GetString(), root.GetProperty("version").GetInt32()));
        var only = root.GetProperty("alerts")[0];
        Assert.Equal(("team/ä\n", "open", "do this", 300), (only.GetProperty("subject").GetString(), only.GetProperty("state").GetString(), only.GetProperty("nextStep").GetString(), only.GetProperty("figures").GetProperty("limit").GetInt32()));
        Assert.Equal("t=1,v1=3dd49b2593d0f9a349e9e71c4bde3e2b", Webhook.Sign("k", DateTimeOffset.FromUnixTimeSeconds(1), "{}"u8)[..39]);
    }

    [Theory]
    [InlineData("/204", true, false)]
    [InlineData("/500", false, false)]
    [InlineData("/429", false, false)]
    [InlineData("/408", false, false)]
    [InlineData("/404", false, true)]
    [InlineData("/401", false, true)]
    [InlineData("/302", false, true)]
    [InlineData("/hang", false, false)]
    [InlineData("/cut", false, false)]
    public async Task Answer_OfAnyKind_IsJudged(string path, bool delivered, bool permanent)
    {
        var result = await SendAsync($"{path}?token=hidden", AlertMessage.Test("here", DateTimeOffset.UnixEpoch));
        Assert.Equal((delivered, permanent), (result.Delivered, result.Permanent));
        Assert.Equal(delivered, result.Error is null);
        // What is in the address, or in an answer, is in no error.
        Assert.DoesNotContain("hidden", result.Error ?? "", StringComparison.Ordinal);
        // A redirect was not followed.
        Assert.Single(_received);
    }

    [Fact]
    public async Task NobodyThere_IsTriedLater()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        taken.Stop();
        using var webhook = new Webhook(new() { Url = $"http://127.0.0.1:{port}/hidden" }, TimeProvider.System);
        var result = await webhook.SendAsync(AlertMessage.Test("here", DateTimeOffset.UnixEpoch), "key-1", Stop);
        Assert.True(result is { Delivered: false, Permanent: false });
        Assert.DoesNotContain("hidden", result.Error, StringComparison.Ordinal);
    }

    private async Task<DeliveryResult> SendAsync(string path, AlertMessage message)
    {
        using var webhook = new Webhook(new() { Url = new Uri(_url, path).AbsoluteUri, Secret = Secret }, TimeProvider.System, TimeSpan.FromSeconds(path.StartsWith("/hang", StringComparison.Ordinal) ? 0.3 : 10));
        return await webhook.SendAsync(message, "key-1", Stop);
    }

    private async Task AnswerAsync(HttpContext http)
    {
        using var buffer = new MemoryStream();
        await http.Request.Body.CopyToAsync(buffer, http.RequestAborted);
        _received.Add((http.Request.Path, http.Request.Headers[Webhook.SignatureHeader], http.Request.Headers[Webhook.DeliveryHeader], buffer.ToArray()));
        switch (http.Request.Path.Value)
        {
            case "/hang":
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, http.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                break;
            case "/cut":
                http.Abort();
                break;
            case var path:
                http.Response.StatusCode = int.Parse(path![1..]);
                http.Response.Headers.Location = "/200";
                if (http.Response.StatusCode != 204)
                    await http.Response.Body.WriteAsync(Encoding.UTF8.GetBytes("hidden"), http.RequestAborted);
                break;
        }
    }
}
