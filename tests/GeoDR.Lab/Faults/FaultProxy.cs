using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace GeoDR.Lab.Faults;

/// <summary>Which way bytes flow.</summary>
public enum ProxyDirection
{
    /// <summary>From who connected to the target.</summary>
    ToTarget,
    ToClient,
}

/// <summary>A TCP proxy on 127.0.0.1 whose faults may be changed while it runs; it knows nothing of the protocol.</summary>
public sealed class FaultProxy : IAsyncDisposable
{
    readonly ConcurrentDictionary<ProxyConnection, bool> _connections = new();
    readonly Lock _gate = new();
    readonly ProxyFaults _faults = new();
    Socket _listener;
    Task _loop;
    int _accepted;
    bool _disposed;

    FaultProxy(string host, int port, int listenPort)
    {
        (TargetHost, TargetPort) = (host, port);
        _listener = Bind(listenPort);
        Port = ((IPEndPoint)_listener.LocalEndPoint!).Port;
        _loop = Listen(_listener);
    }

    public string TargetHost { get; }
    /// <summary>May be changed: new connections then go there, as when a standby takes over.</summary>
    public int TargetPort { get; set; }
    public int Port { get; }
    public Uri Url => new($"http://127.0.0.1:{Port}/");
    /// <summary>Connections accepted so far.</summary>
    public int Accepted => Volatile.Read(ref _accepted);
    public int Open => _connections.Count;
    /// <summary>Bytes from the target that were passed on so far.</summary>
    public long BytesToClient => _faults.BytesToClient;

    /// <summary>Waited by every byte in each direction; throughput stays what it was.</summary>
    public TimeSpan Latency { get => _faults.Latency; set => _faults.Latency = value; }
    /// <summary>For each connection and direction; 0 is unlimited.</summary>
    public long BytesPerSecond { get => _faults.BytesPerSecond; set => _faults.BytesPerSecond = value; }
    /// <summary>Nothing is read or forwarded while it is true, and all goes on when it is false again; sockets stay open.</summary>
    public bool Stalled { get => _faults.Stalled; set => _faults.Stalled = value; }
    /// <summary>Bytes are taken and thrown away: the sender thinks that all is well. A connection that lost some cannot go on.</summary>
    public bool BlackHole { get => _faults.BlackHole; set => _faults.BlackHole = value; }

    /// <summary>New connections get ECONNREFUSED; those that are open stay.</summary>
    public bool RefuseConnections
    {
        get;
        set
        {
            lock (_gate)
            {
                if (field == value || _disposed)
                {
                    return;
                }

                field = value;
                _listener.Dispose();
                // A socket that is bound but does not listen holds the port and makes the kernel refuse.
                _listener = Bind(Port);
                _loop = value ? Task.CompletedTask : Listen(_listener);
            }
        }
    }

    public static FaultProxy Start(string host, int port, int listenPort = 0) => new(host, port, listenPort);

    /// <summary>Resets every open connection.</summary>
    public void CutAll()
    {
        foreach (var connection in _connections.Keys)
        {
            connection.Reset();
        }
    }

    /// <summary>The next <paramref name="times"/> connections that forward this many bytes that way are ended there: exactly so
    /// many arrive. Open connections count from now, new ones from their start.</summary>
    public void CutAfter(ProxyDirection direction, long bytes, int times = 1) =>
        _faults.SetCut(new ProxyCut(direction, bytes, times, [.. _connections.Keys]));

    /// <summary>No fault at all; open connections live on.</summary>
    public void Heal()
    {
        _faults.Clear();
        RefuseConnections = false;
    }

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _disposed = true;
            _listener.Dispose();
        }

        CutAll();
        await _loop;
        await Task.WhenAll(_connections.Keys.Select(c => c.Done));
    }

    static Socket Bind(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        // Open connections on the port would hold it otherwise.
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
        return socket;
    }

    Task Listen(Socket listener)
    {
        // Before this returns, so that whoever sets a switch can connect at once.
        listener.Listen(512);
        return Task.Run(() => AcceptAsync(listener));
    }

    async Task AcceptAsync(Socket listener)
    {
        while (true)
        {
            try
            {
                var client = await listener.AcceptAsync();
                Interlocked.Increment(ref _accepted);
                var connection = new ProxyConnection(client, _faults);
                _connections[connection] = true;
                _ = RunAsync(connection);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    async Task RunAsync(ProxyConnection connection)
    {
        await connection.RunAsync(TargetHost, TargetPort);
        _connections.TryRemove(connection, out _);
    }
}
