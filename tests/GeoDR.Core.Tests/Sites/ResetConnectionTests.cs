using System.Net;
using System.Net.Sockets;
using GeoDR.Lab;
using GeoDR.Sites;
using GeoDR.Tokens;

namespace GeoDR.Core.Tests.Sites;

/// <summary>A peer, or the network before it, that takes a connection and resets it at once: HttpClient lets the bare socket error out now and then.</summary>
public sealed class ResetConnectionTests
{
    [Fact]
    public async Task Reset_IsAnAnswerThatDidNotCome()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var resetting = ResetAsync(listener);
        await using var directory = LabDirectory.Create("reset");
        var file = directory.PathOf("site.key");
        using (var key = SiteKey.Create())
            key.WritePrivate(file);
        using var client = new SiteClient(SiteKey.Load(file), "here", TimeProvider.System);
        var to = new SiteAddress("berlin", new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/"));
        for (var i = 0; i < 300; i++)
            await Assert.ThrowsAsync<HttpRequestException>(() => client.SendAsync(to, HttpMethod.Get, "/api/v1/log", "", [], TimeSpan.FromSeconds(10), 1000, TestContext.Current.CancellationToken));
        listener.Stop();
        await resetting;
    }

    private static async Task ResetAsync(TcpListener listener)
    {
        try
        {
            while (true)
            {
                using var socket = await listener.AcceptSocketAsync();
                socket.LingerState = new LingerOption(true, 0);
            }
        }
        catch (SocketException)
        {
            // It is stopped.
        }
    }
}
