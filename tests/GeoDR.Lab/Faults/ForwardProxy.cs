using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace GeoDR.Lab.Faults;

/// <summary>
/// A proxy as companies have them: opens tunnels by CONNECT (RFC 9110, section 9.3.6), and passes on what names a whole http:// URL.
/// Whatever host it is asked for, it goes to 127.0.0.1: so a name that nobody else can resolve is reached by it alone.
/// </summary>
public sealed class ForwardProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Task, bool> _tunnels = new();
    private readonly Task _loop;

    private ForwardProxy()
    {
        _listener.Start();
        _loop = Task.Run(AcceptAsync);
    }

    public Uri Url => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    /// <summary>The first line of each request.</summary>
    public ConcurrentQueue<string> Asked { get; } = new();

    public static ForwardProxy Start() => new();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _loop;
        await Task.WhenAll(_tunnels.Keys);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var tunnel = TunnelAsync(await _listener.AcceptTcpClientAsync(_stop.Token));
                _tunnels[tunnel] = true;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Disposed.
        }
    }

    private async Task TunnelAsync(TcpClient client)
    {
        using var from = client;
        using var to = new TcpClient();
        try
        {
            var near = from.GetStream();
            var head = await ReadHeadAsync(near);
            var asked = head.Split("\r\n")[0];
            Asked.Enqueue(asked);
            var target = asked.Split(' ')[1];
            var isTunnel = asked.StartsWith("CONNECT ", StringComparison.Ordinal);
            await to.ConnectAsync(IPAddress.Loopback, new Uri(isTunnel ? $"tunnel://{target}" : target).Port, _stop.Token);
            var far = to.GetStream();
            // Servers take a whole URL as they take a path (RFC 9112, section 3.2.2); a connection stays with its first one.
            await (isTunnel ? near : far).WriteAsync(isTunnel ? "HTTP/1.1 200 Connection Established\r\n\r\n"u8.ToArray() : Encoding.Latin1.GetBytes(head), _stop.Token);
            await Task.WhenAny(near.CopyToAsync(far, _stop.Token), far.CopyToAsync(near, _stop.Token));
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or UriFormatException)
        {
            // Either end went away, it was asked for nothing that it knows, or the test is over.
        }
    }

    private async Task<string> ReadHeadAsync(NetworkStream stream)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        // By the byte: what follows the head belongs to the tunnel.
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && head.Length < 8192)
        {
            await stream.ReadExactlyAsync(one, _stop.Token);
            head.Append((char)one[0]);
        }

        return head.ToString();
    }
}
