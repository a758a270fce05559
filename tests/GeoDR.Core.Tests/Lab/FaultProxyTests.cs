using GeoDR.Lab.Faults;
using System.Net;
using System.Net.Sockets;

// Not GeoDR.Core.Tests.Lab: that has a helper named LabRegistry too, which would hide the registry itself.
namespace GeoDR.Core.Tests.LabRegistries;

/// <summary>The TCP proxy before a server that echoes.</summary>
public sealed class FaultProxyTests : IAsyncLifetime
{
    readonly TcpListener _echo = new(IPAddress.Loopback, 0);
    FaultProxy _proxy = null!;

    static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync()
    {
        _echo.Start();
        _proxy = FaultProxy.Start("127.0.0.1", ((IPEndPoint)_echo.LocalEndpoint).Port);
        _ = EchoAsync();
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _proxy.DisposeAsync();
        _echo.Dispose();
    }

    [Fact]
    public async Task Forward_WithoutFaults_PassesBytesAndTheHalfClose()
    {
        using var client = await ConnectAsync();
        var sent = new byte[5 << 20];
        Random.Shared.NextBytes(sent);
        var stream = client.GetStream();
        var received = ReadToEndAsync(stream);
        await stream.WriteAsync(sent, Cancel);
        client.Client.Shutdown(SocketShutdown.Send);
        Assert.Equal(sent, await received);
    }

    [Fact]
    public async Task RefuseConnections_SetAndUnset_RefusesNewOnesOnly()
    {
        using var open = await ConnectAsync();
        Assert.Equal(7, await EchoedAsync(open, 7));
        _proxy.RefuseConnections = true;
        var error = await Assert.ThrowsAsync<SocketException>(ConnectAsync);
        Assert.Equal(SocketError.ConnectionRefused, error.SocketErrorCode);
        Assert.Equal(8, await EchoedAsync(open, 8));
        _proxy.RefuseConnections = false;
        using var again = await ConnectAsync();
        Assert.Equal(9, await EchoedAsync(again, 9));
    }

    [Fact]
    public async Task CutAll_OfOpenConnections_ResetsThem()
    {
        using var client = await ConnectAsync();
        Assert.Equal(7, await EchoedAsync(client, 7));
        _proxy.CutAll();
        await Assert.ThrowsAsync<IOException>(() => client.GetStream().ReadExactlyAsync(new byte[1], Cancel).AsTask());
    }

    [Fact]
    public async Task CutAfter_SomeBytes_DeliversExactlyThose()
    {
        using var before = await ConnectAsync();
        Assert.Equal(7, await EchoedAsync(before, 7));
        _proxy.CutAfter(ProxyDirection.ToClient, 1000, times: 2);
        using var after = await ConnectAsync();
        Assert.Equal(1000, await CountAsync(before));
        Assert.Equal(1000, await CountAsync(after));
        using var third = await ConnectAsync();
        await third.GetStream().WriteAsync(new byte[3000], Cancel);
        await third.GetStream().ReadExactlyAsync(new byte[3000], Cancel);

        static async Task<int> CountAsync(TcpClient client)
        {
            await client.GetStream().WriteAsync(new byte[3000], Cancel);
            return (await ReadToEndAsync(client.GetStream())).Length;
        }
    }

    [Fact]
    public async Task Stalled_UntilHealed_HoldsBytesBack()
    {
        using var client = await ConnectAsync();
        _proxy.Stalled = true;
        var echoed = EchoedAsync(client, 7);
        await Assert.ThrowsAsync<TimeoutException>(() => echoed.WaitAsync(TimeSpan.FromMilliseconds(100), Cancel));
        _proxy.Heal();
        Assert.Equal(7, await echoed);
    }

    [Fact]
    public async Task BlackHole_WhileOn_TakesBytesAndGivesNone()
    {
        using var client = await ConnectAsync();
        _proxy.BlackHole = true;
        var echoed = EchoedAsync(client, 7);
        await Assert.ThrowsAsync<TimeoutException>(() => echoed.WaitAsync(TimeSpan.FromMilliseconds(100), Cancel));
        client.Close();
        await Assert.ThrowsAnyAsync<Exception>(() => echoed);
    }

    [Fact]
    public async Task LatencyAndThrottle_WhenSet_TakeTheirTime()
    {
        using var client = await ConnectAsync();
        _proxy.Latency = TimeSpan.FromMilliseconds(100);
        var started = TimeProvider.System.GetTimestamp();
        await EchoedAsync(client, 7);
        Assert.True(TimeProvider.System.GetElapsedTime(started) >= TimeSpan.FromMilliseconds(190));

        _proxy.Latency = TimeSpan.Zero;
        _proxy.BytesPerSecond = 100_000;
        started = TimeProvider.System.GetTimestamp();
        await client.GetStream().WriteAsync(new byte[30_000], Cancel);
        await client.GetStream().ReadExactlyAsync(new byte[30_000], Cancel);
        Assert.True(TimeProvider.System.GetElapsedTime(started) >= TimeSpan.FromMilliseconds(200));
    }

    async Task EchoAsync()
    {
        try
        {
            while (true)
            {
                _ = EchoAsync(await _echo.AcceptTcpClientAsync());
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    static async Task EchoAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                await client.GetStream().CopyToAsync(client.GetStream());
            }
            catch (IOException)
            {
                // Cut, as ordered.
            }
        }
    }

    async Task<TcpClient> ConnectAsync()
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, _proxy.Port, Cancel);
        return client;
    }

    static async Task<byte> EchoedAsync(TcpClient client, byte value)
    {
        await client.GetStream().WriteAsync(new[] { value }, Cancel);
        var answer = new byte[1];
        await client.GetStream().ReadExactlyAsync(answer, Cancel);
        return answer[0];
    }

    static async Task<byte[]> ReadToEndAsync(NetworkStream stream)
    {
        using var all = new MemoryStream();
        await stream.CopyToAsync(all, Cancel);
        return all.ToArray();
    }
}
