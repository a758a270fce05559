namespace GeoDR.Lab;

/// <summary>One address for the clients of several sites: HAProxy sends them to the registry of the site whose GeoDR says that it is the primary.</summary>
public sealed class HaProxy : IAsyncDisposable
{
    private readonly ManagedProcess _process;

    private HaProxy(ManagedProcess process, int port) => (_process, Port) = (process, port);

    public int Port { get; }

    public Uri Url => new($"http://127.0.0.1:{Port}/");

    public static string Configuration(int port, IEnumerable<(string Name, int Registry, int Geo)> sites) => $"""
        global
            maxconn 200
        defaults
            mode http
            timeout connect 1s
            timeout client 1m
            timeout server 1m
        frontend registry
            bind 127.0.0.1:{port}
            default_backend primary
        backend primary
            option httpchk
            http-check send meth GET uri /healthz/primary
            default-server inter 250ms fall 1 rise 1 on-marked-down shutdown-sessions
        {string.Join('\n', sites.Select(s => $"    server {s.Name} 127.0.0.1:{s.Registry} check port {s.Geo}"))}

        """;

    public static async Task<HaProxy> StartAsync(string directory, int port, IEnumerable<(string Name, int Registry, int Geo)> sites, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(directory);
        var file = Path.Combine(directory, "haproxy.cfg");
        await File.WriteAllTextAsync(file, Configuration(port, sites), cancellationToken);
        var process = ManagedProcess.Start(new ProcessSpec("/usr/sbin/haproxy", "-db", "-f", file) { LogFile = Path.Combine(directory, "haproxy.log"), Name = "haproxy" });
        return new(process, port);
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}
