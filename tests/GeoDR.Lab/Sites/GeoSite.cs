namespace GeoDR.Lab;

/// <summary>One site's GeoDR: its settings, its <c>serve</c> process and as many <c>worker</c> processes as wanted.</summary>
public sealed class GeoSite : IAsyncDisposable
{
    private static readonly TimeSpan s_ready = TimeSpan.FromSeconds(60);
    private static readonly HttpClient s_http = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false });

    private readonly string _directory;
    private readonly List<ManagedProcess> _workers = [];
    private ManagedProcess? _serve;

    public GeoSite(string name, string directory, int? port = null)
    {
        Name = name;
        _directory = Path.GetFullPath(directory);
        Directory.CreateDirectory(_directory);
        Url = new Uri($"http://127.0.0.1:{port ?? Ports.Free()}");
        Set("Site:Name", name);
        Set("Site:Url", Url.AbsoluteUri.TrimEnd('/'));
    }

    public string Name { get; }

    public Uri Url { get; }

    /// <summary>What is run, from the next start on: another version's program in a test of upgrades.</summary>
    public string Program { get; set; } = GeoProgram.Path;

    /// <summary>Environment variables of every process of this site; changes count from the next start on.</summary>
    public Dictionary<string, string> Settings { get; } = [];

    /// <summary>Other addresses that its <c>serve</c> listens at.</summary>
    public IReadOnlyList<string> AlsoAt { get; set; } = [];

    /// <summary>Its processes live in this group from their first instruction on.</summary>
    public MemoryGroup? MemoryGroup { get; set; }

    /// <summary>Null before the start and after an end.</summary>
    public ManagedProcess? Serve => _serve is { HasExited: false } ? _serve : null;

    /// <summary>The workers that run.</summary>
    public IReadOnlyList<ManagedProcess> Workers => [.. _workers.Where(w => !w.HasExited)];

    /// <summary>Sets <c>Geo:Key</c> (written with colons); null removes it.</summary>
    public GeoSite Set(string key, string? value)
    {
        var name = "Geo__" + key.Replace(":", "__", StringComparison.Ordinal);
        if (value is null)
        {
            Settings.Remove(name);
        }
        else
        {
            Settings[name] = value;
        }

        return this;
    }

    /// <summary>Starts <c>geodr serve</c>, also after an end; returns when it is ready.</summary>
    public async Task StartServeAsync(TimeSpan? deadline = null, CancellationToken cancellationToken = default)
    {
        if (Serve is not null)
        {
            return;
        }

        if (_serve is not null)
        {
            await _serve.DisposeAsync();
        }

        _serve = Launch(["serve"], "serve", Url);
        await _serve.WaitUntilAsync(IsReadyAsync, deadline ?? s_ready, "GET /healthz/ready is 200", cancellationToken);
    }

    /// <summary>Starts so many more <c>geodr worker</c> processes.</summary>
    public IReadOnlyList<ManagedProcess> StartWorkers(int count)
    {
        var started = Enumerable.Range(_workers.Count + 1, count)
            .Select(n => Launch(["worker"], $"worker-{n}", new Uri($"http://127.0.0.1:{Ports.Free()}")))
            .ToList();
        _workers.AddRange(started);
        return started;
    }

    /// <summary>Runs a verb with this site's settings, to its end.</summary>
    public Task<CommandResult> RunAsync(params string[] arguments) => RunAsync(arguments, null, CancellationToken.None);

    public Task<CommandResult> RunAsync(IReadOnlyList<string> arguments, string? stdin, CancellationToken cancellationToken) =>
        ManagedProcess.RunAsync(Program, arguments, Settings, stdin, cancellationToken: cancellationToken);

    public async Task<bool> IsReadyAsync(CancellationToken cancellationToken = default)
    {
        using var answer = await s_http.GetAsync(new Uri(Url, "/healthz/ready"), cancellationToken);
        return answer.IsSuccessStatusCode;
    }

    /// <summary>Whether a path is answered, and with 200.</summary>
    public async Task<bool> AnswersAsync(string path, CancellationToken cancellationToken = default)
    {
        try
        {
            using var answer = await s_http.GetAsync(new Uri(Url, path), cancellationToken);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    /// <summary>SIGTERM to every process of the site.</summary>
    public Task StopAsync(TimeSpan? deadline = null) => Task.WhenAll(Running().Select(p => p.StopAsync(deadline)));

    /// <summary>SIGKILL for every process of the site.</summary>
    public void Kill()
    {
        foreach (var process in Running())
        {
            process.Kill();
        }
    }

    /// <summary>SIGSTOP for every process of the site: sockets stay open, nothing answers.</summary>
    public void Pause()
    {
        foreach (var process in Running())
        {
            process.Pause();
        }
    }

    public void Resume()
    {
        foreach (var process in Running())
        {
            process.Resume();
        }
    }

    public async ValueTask DisposeAsync()
    {
        // Nobody looks at it again, so an orderly stop is wasted time.
        Kill();
        foreach (var process in _workers.Concat(_serve is null ? [] : [_serve]))
        {
            await process.DisposeAsync();
        }

        _workers.Clear();
        _serve = null;
    }

    private List<ManagedProcess> Running() => [.. Workers, .. Serve is { } serve ? [serve] : Array.Empty<ManagedProcess>()];

    private ManagedProcess Launch(IReadOnlyList<string> arguments, string log, Uri listen) =>
        ManagedProcess.Start((MemoryGroup?.Wrap(Program, arguments) ?? new ProcessSpec(Program, arguments) { LogFile = log }) with
        {
            Name = $"{Name} {log}",
            LogFile = Path.Combine(_directory, $"{log}.log"),
            WorkingDirectory = Path.GetDirectoryName(Program),
            Environment = new Dictionary<string, string>(Settings) { ["ASPNETCORE_URLS"] = string.Join(';', [listen.AbsoluteUri.TrimEnd('/'), .. log == "serve" ? AlsoAt : []]) },
        });
}
