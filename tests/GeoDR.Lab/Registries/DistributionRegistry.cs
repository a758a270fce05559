namespace GeoDR.Lab;

/// <summary>CNCF Distribution as Debian packages it, a process with its own storage and port on 127.0.0.1.</summary>
public sealed class DistributionRegistry : IAsyncDisposable
{
    private static readonly HttpClient s_http = new();

    private readonly string _directory;
    private readonly int _debugPort;
    private readonly DistributionOptions _options;
    private ManagedProcess? _process;

    private DistributionRegistry(string directory, DistributionOptions options)
    {
        _directory = Path.GetFullPath(directory);
        _options = options;
        Port = options.Port ?? Ports.Free();
        _debugPort = Ports.Free();
    }

    public int Port { get; }

    /// <summary>With a trailing slash.</summary>
    public Uri Url => new($"{(_options.Tls is null ? "http" : "https")}://127.0.0.1:{Port}/");

    /// <summary>As clients name it: <c>127.0.0.1:port</c>.</summary>
    public string Host => $"127.0.0.1:{Port}";

    public string StorageDirectory => Path.Combine(_directory, "storage");

    /// <summary>Null before the start and after an end.</summary>
    public ManagedProcess? Process => _process is { HasExited: false } ? _process : null;

    public static async Task<DistributionRegistry> StartNewAsync(string directory, DistributionOptions? options = null, CancellationToken cancellationToken = default)
    {
        var registry = new DistributionRegistry(directory, options ?? new());
        await registry.StartAsync(cancellationToken);
        return registry;
    }

    /// <summary>Starts it, also after a stop or a kill, on the same port and storage.</summary>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        if (Process is not null)
        {
            return;
        }

        Directory.CreateDirectory(StorageDirectory);
        var configuration = Path.Combine(_directory, "config.yml");
        await File.WriteAllTextAsync(
            configuration,
            DistributionConfiguration.Text(_options, StorageDirectory, Port, _debugPort, Path.Combine(_directory, "htpasswd")),
            cancellationToken);
        _process = ManagedProcess.Start(new ProcessSpec("/usr/bin/docker-registry", "serve", configuration)
        {
            LogFile = Path.Combine(_directory, "registry.log"),
            Name = $"registry:{Port}",
            Environment = new Dictionary<string, string> { ["OTEL_TRACES_EXPORTER"] = "none" },
        });
        await _process.WaitUntilAsync(AnswersAsync, TimeSpan.FromSeconds(20), "answers /v2/", cancellationToken);
    }

    /// <summary>Removes every blob that no manifest refers to, also while the registry runs: nothing in it prevents that.</summary>
    public async Task CollectGarbageAsync(CancellationToken cancellationToken = default) =>
        (await ManagedProcess.RunAsync(
            "/usr/bin/docker-registry", ["garbage-collect", Path.Combine(_directory, "config.yml")],
            new Dictionary<string, string> { ["OTEL_TRACES_EXPORTER"] = "none" }, cancellationToken: cancellationToken)).EnsureSuccess();

    public Task StartAgainAsync(CancellationToken cancellationToken = default) => StartAsync(cancellationToken);

    public async Task StopAsync()
    {
        if (_process is not null)
        {
            await _process.StopAsync(TimeSpan.FromSeconds(10));
        }
    }

    /// <summary>SIGKILL: with it goes the queue of notifications, which is in memory only.</summary>
    public void Kill() => _process?.Kill();

    public void Pause() => _process?.Pause();

    public void Resume() => _process?.Resume();

    /// <summary>Requests and processor time since its last start.</summary>
    public async Task<RegistryCounters> ReadCountersAsync(CancellationToken cancellationToken = default) =>
        RegistryCounters.Parse(await s_http.GetStringAsync($"http://127.0.0.1:{_debugPort}/metrics", cancellationToken));

    /// <summary>Notifications that no endpoint has taken yet.</summary>
    public async Task<long> ReadPendingNotificationsAsync(CancellationToken cancellationToken = default)
    {
        var state = System.Text.Json.Nodes.JsonNode.Parse(await s_http.GetStringAsync($"http://127.0.0.1:{_debugPort}/debug/vars", cancellationToken))!;
        return state["registry"]!["notifications"]!["endpoints"]!.AsArray().Sum(e => (long)e!["Metrics"]!["Pending"]!);
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            _process.Kill();
            await _process.DisposeAsync();
            _process = null;
        }
    }

    private async Task<bool> AnswersAsync(CancellationToken cancellationToken)
    {
        using var http = _options.Tls?.NewClient();
        using var answer = await (http ?? s_http).GetAsync(new Uri(Url, "v2/"), cancellationToken);
        return answer.IsSuccessStatusCode || answer.StatusCode == System.Net.HttpStatusCode.Unauthorized;
    }
}
