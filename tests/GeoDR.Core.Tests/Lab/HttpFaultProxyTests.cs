using GeoDR.Lab;
using GeoDR.Lab.Faults;
using GeoDR.Lab.Registries;
using System.Net;
using System.Net.Sockets;

// Not GeoDR.Core.Tests.Lab: that has a helper named LabRegistry too, which would hide the registry itself.
namespace GeoDR.Core.Tests.LabRegistries;

/// <summary>The HTTP proxy before the real registry, whose Locations must lead back through it.</summary>
public sealed class HttpFaultProxyTests(DistributionFixture fixture) : IClassFixture<DistributionFixture>, IAsyncLifetime
{
    HttpFaultProxy _proxy = null!;
    RegistryCalls _calls = null!;

    public async ValueTask InitializeAsync()
    {
        _proxy = await HttpFaultProxy.StartAsync(fixture.Url);
        _calls = new RegistryCalls(_proxy.Url);
    }

    public async ValueTask DisposeAsync()
    {
        _calls.Dispose();
        await _proxy.DisposeAsync();
    }

    [Fact]
    public async Task Forward_PushAndPull_PassThroughTheProxyAlone()
    {
        var location = await _calls.BeginUploadAsync("proxy/plain");
        Assert.StartsWith(_proxy.Url.ToString(), location, StringComparison.Ordinal);
        var image = LabImage.Create("proxied", 300_000);
        await _calls.PushAsync("proxy/plain", "v1", image);
        using var blob = await _calls.GetAsync($"v2/proxy/plain/blobs/{image.Blobs.Last().Key}");
        Assert.Equal(image.Blobs.Last().Value, await blob.Content.ReadAsByteArrayAsync(RegistryCalls.Cancel));
        using var head = await _calls.ManifestAsync(HttpMethod.Head, "proxy/plain", "v1");
        Assert.Equal(image.ManifestBytes.Length, head.Content.Headers.ContentLength);
        Assert.Equal(8, _proxy.Total);
    }

    [Fact]
    public async Task Rule_WithStatus_AnswersTheNextMatchesOnly()
    {
        var rule = _proxy.Add(new()
        {
            Method = "GET",
            Path = "^/v2/$",
            Skip = 1,
            Times = 1,
            Status = 503,
            Headers = new Dictionary<string, string> { ["Retry-After"] = "3" },
            Body = "busy",
        });
        int[] answers = [await PingAsync(), await PingAsync(), await PingAsync()];
        Assert.Equal([200, 503, 200], answers);
        Assert.Equal(1, rule.Hits);
    }

    [Fact]
    public async Task Rule_CutResponse_DeliversThoseBytesAndARangeGoesOn()
    {
        var image = LabImage.Create("cut", 200_000);
        await _calls.PushAsync("proxy/cut", "v1", image);
        var (digest, bytes) = image.Blobs.Last();
        _proxy.Add(new() { Path = "/blobs/sha256", Times = 1, CutResponseAfter = 70_000 });

        using var answer = await _calls.GetAsync($"v2/proxy/cut/blobs/{digest}");
        using var got = new MemoryStream();
        await using var body = await answer.Content.ReadAsStreamAsync(RegistryCalls.Cancel);
        await Assert.ThrowsAnyAsync<IOException>(() => body.CopyToAsync(got, RegistryCalls.Cancel));
        Assert.Equal(70_000, got.Length);
        using var rest = await _calls.SendAsync(HttpMethod.Get, $"v2/proxy/cut/blobs/{digest}", r => r.Headers.Range = new(got.Length, null));
        await rest.Content.CopyToAsync(got, RegistryCalls.Cancel);
        Assert.Equal(bytes, got.ToArray());
    }

    [Fact]
    public async Task Rule_CutRequest_LeavesAnUploadThatCanGoOn()
    {
        await using var registry = await LabRegistry.StartAsync();
        await using var proxy = await HttpFaultProxy.StartAsync(registry.Url);
        using var calls = new RegistryCalls(proxy.Url);
        var bytes = LabImage.Create("cut-request", 200_000).Blobs.Last().Value;
        proxy.Add(new() { Method = "PATCH", Times = 1, CutRequestAfter = 70_000 });

        var location = await calls.BeginUploadAsync("app/one");
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => calls.PatchAsync(location, bytes, 0));
        // The client knows of the cut before the registry does.
        await Wait.UntilAsync(_ => Task.FromResult(registry.Requests.Recent.Any(r => r is { Method: "PATCH", Ended: true })),
            TimeSpan.FromSeconds(5), () => string.Join('\n', registry.Requests.Recent), RegistryCalls.Cancel);
        using var status = await calls.GetAsync(location);
        var kept = int.Parse(status.Headers.GetValues("Range").Single().Split('-')[1]) is > 0 and var last ? last + 1 : 0;
        Assert.InRange(kept, 0, 70_000);
        using var done = await calls.FinishAsync(status.Headers.Location!.ToString(), LabDigest.Sha256(bytes), bytes[kept..]);
        Assert.Equal(HttpStatusCode.Created, done.StatusCode);
    }

    [Fact]
    public async Task Rule_CutRequest_GivesTheTargetExactlyThoseBytes()
    {
        using var target = new TcpListener(IPAddress.Loopback, 0);
        target.Start();
        var read = Task.Run(async () =>
        {
            using var client = await target.AcceptTcpClientAsync(RegistryCalls.Cancel);
            using var all = new MemoryStream();
            await client.GetStream().CopyToAsync(all, RegistryCalls.Cancel);
            return all.ToArray();
        }, RegistryCalls.Cancel);
        await using var proxy = await HttpFaultProxy.StartAsync(new Uri($"http://{target.LocalEndpoint}/"));
        using var calls = new RegistryCalls(proxy.Url);
        proxy.Add(new() { CutRequestAfter = 70_000 });
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => calls.PatchAsync("x", new byte[200_000], 0));

        var received = await read;
        Assert.Equal(70_000, received.Length - received.AsSpan().IndexOf("\r\n\r\n"u8) - 4);
    }

    [Fact]
    public async Task Rule_StallResponse_GoesOnWhenReleased()
    {
        var image = LabImage.Create("stall", 200_000);
        await _calls.PushAsync("proxy/stall", "v1", image);
        var (digest, bytes) = image.Blobs.Last();
        var rule = _proxy.Add(new() { Path = "/blobs/sha256", Times = 1, StallResponseAfter = 70_000 });

        using var answer = await _calls.GetAsync($"v2/proxy/stall/blobs/{digest}");
        await using var body = await answer.Content.ReadAsStreamAsync(RegistryCalls.Cancel);
        var got = new byte[200_000];
        await body.ReadExactlyAsync(got.AsMemory(0, 70_000), RegistryCalls.Cancel);
        var next = body.ReadExactlyAsync(got.AsMemory(70_000), RegistryCalls.Cancel).AsTask();
        await Assert.ThrowsAsync<TimeoutException>(() => next.WaitAsync(TimeSpan.FromMilliseconds(100), RegistryCalls.Cancel));
        rule.Release();
        await next;
        Assert.Equal(bytes, got);
    }

    async Task<int> PingAsync()
    {
        using var answer = await _calls.GetAsync("v2/");
        return (int)answer.StatusCode;
    }
}
