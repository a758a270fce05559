using System.Text.Json.Nodes;

namespace GeoDR.Lab;

/// <summary>A real Docker engine: one that answers already, or one started by hand with its data in a directory of the lab.</summary>
public sealed class DockerEngine : IAsyncDisposable
{
    private readonly string _directory;
    private readonly string? _host;
    private readonly ManagedProcess? _daemon;

    private DockerEngine(string directory, string? host, ManagedProcess? daemon)
    {
        _directory = directory;
        _host = host;
        _daemon = daemon;
        Directory.CreateDirectory(directory);
    }

    /// <summary>The engine that this machine's <c>docker</c> talks to; null where none answers.</summary>
    public static async Task<DockerEngine?> FindAsync(string directory, CancellationToken cancellationToken = default)
    {
        var engine = new DockerEngine(Path.GetFullPath(directory), null, null);
        return await engine.AnswersAsync(cancellationToken) ? engine : null;
    }

    /// <summary>Starts <c>dockerd</c> without networks of its own; only root can. Its data go with it.</summary>
    public static async Task<DockerEngine> StartAsync(string directory, CancellationToken cancellationToken = default)
    {
        var root = Path.GetFullPath(directory);
        // A socket's path is limited to 107 bytes.
        var run = Directory.CreateTempSubdirectory("geodr-dockerd-").FullName;
        var host = $"unix://{run}/docker.sock";
        var daemon = ManagedProcess.Start(new ProcessSpec(
            "dockerd",
            "--host", host, "--data-root", Path.Combine(root, "data"), "--exec-root", Path.Combine(run, "exec"), "--pidfile", Path.Combine(run, "pid"),
            "--bridge", "none", "--iptables=false", "--ip6tables=false", "--log-level", "error")
        {
            LogFile = Path.Combine(root, "dockerd.log"),
        });
        var engine = new DockerEngine(root, host, daemon);
        try
        {
            await daemon.WaitUntilAsync(engine.AnswersAsync, TimeSpan.FromSeconds(30), "answers", cancellationToken);
            return engine;
        }
        catch
        {
            await engine.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes an image of one layer (<c>docker import</c>), nothing is pulled.</summary>
    public async Task ImportAsync(string image, LayerSpec layer, CancellationToken cancellationToken = default)
    {
        var archive = Path.Combine(_directory, $"import-{layer.Seed}.tar");
        await File.WriteAllBytesAsync(archive, await ImageLayout.ArchiveAsync(layer), cancellationToken);
        (await RunAsync(["import", archive, image], null, cancellationToken)).EnsureSuccess();
    }

    public async Task LoginAsync(string registry, BasicAuth user, CancellationToken cancellationToken = default) =>
        (await RunAsync(["login", "--username", user.User, "--password-stdin", registry], user.Password, cancellationToken)).EnsureSuccess();

    /// <summary>Pushes, and gives the digest that the registry answered.</summary>
    public async Task<string> PushAsync(string image, CancellationToken cancellationToken = default)
    {
        (await RunAsync(["push", "--quiet", image], null, cancellationToken)).EnsureSuccess();
        var inspected = (await RunAsync(["inspect", "--format", "{{json .RepoDigests}}", image], null, cancellationToken)).EnsureSuccess();
        var repository = image[..image.LastIndexOf(':')];
        return JsonNode.Parse(inspected.Output)!.AsArray().Select(n => (string)n!).Single(d => d.StartsWith(repository + "@", StringComparison.Ordinal))[(repository.Length + 1)..];
    }

    public async Task PullAsync(string image, CancellationToken cancellationToken = default) =>
        (await RunAsync(["pull", "--quiet", image], null, cancellationToken)).EnsureSuccess();

    public async Task RemoveAsync(string image, CancellationToken cancellationToken = default) =>
        await RunAsync(["rmi", "--force", image], null, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (_daemon is null)
        {
            return;
        }

        await _daemon.StopAsync(TimeSpan.FromSeconds(20));
        await _daemon.DisposeAsync();
        foreach (var directory in (string[])[Path.Combine(_directory, "data"), Path.GetDirectoryName(_host!["unix://".Length..])!])
        {
            if (Directory.Exists(directory))
            {
                Directory.Delete(directory, recursive: true);
            }
        }
    }

    private async Task<bool> AnswersAsync(CancellationToken cancellationToken)
    {
        try
        {
            return (await RunAsync(["version", "--format", "{{.Server.Version}}"], null, cancellationToken)).ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    /// <summary>With a configuration of its own, so that no login of the lab is left in the user's.</summary>
    private Task<CommandResult> RunAsync(IEnumerable<string> arguments, string? stdin, CancellationToken cancellationToken)
    {
        var environment = new Dictionary<string, string> { ["DOCKER_CONFIG"] = Path.Combine(_directory, "config") };
        if (_host is not null)
        {
            environment["DOCKER_HOST"] = _host;
        }

        return ManagedProcess.RunAsync("docker", arguments, environment, stdin, cancellationToken: cancellationToken);
    }
}
