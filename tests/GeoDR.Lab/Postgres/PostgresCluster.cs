using Npgsql;

namespace GeoDR.Lab;

/// <summary>A throwaway PostgreSQL cluster of its own directory and port on 127.0.0.1; the superuser is <c>postgres</c>.</summary>
public sealed class PostgresCluster : IAsyncDisposable
{
    private static readonly TimeSpan s_start = TimeSpan.FromSeconds(30);

    private readonly PostgresOptions _options;
    private readonly string _log;
    private ManagedProcess? _postmaster;

    private PostgresCluster(string data, string log, int port, PostgresOptions options)
    {
        DataDirectory = data;
        Port = port;
        _log = log;
        _options = options;
    }

    public string DataDirectory { get; }

    public int Port { get; }

    public static string Password => PostgresTools.Password;

    /// <summary>Null before the start and after an end.</summary>
    public ManagedProcess? Postmaster => _postmaster is { HasExited: false } ? _postmaster : null;

    public bool IsRunning => Postmaster is not null;

    /// <summary>A new cluster, started. Its data lie in the directory, or in the temporary directory where the user postgres cannot reach it.</summary>
    /// <param name="template">The data directory of a stopped cluster to begin with; null for an empty one.</param>
    public static async Task<PostgresCluster> StartNewAsync(
        string directory, PostgresOptions? options = null, string? template = null, CancellationToken cancellationToken = default)
    {
        var cluster = await PrepareAsync(directory, options ?? new(), cancellationToken);
        await PostgresTools.CopyAsync(template ?? await PostgresTools.PristineAsync(cancellationToken), cluster.DataDirectory, cancellationToken);
        await cluster.StartAsync(cancellationToken);
        return cluster;
    }

    public string ConnectionString(string database = "postgres", string user = "postgres", string? password = null) =>
        new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1",
            Port = Port,
            Database = database,
            Username = user,
            Password = password ?? Password,
        }.ConnectionString;

    /// <summary>Starts it, also after <see cref="StopAsync"/> or <see cref="KillAsync"/>, on the same port and data.</summary>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        if (IsRunning)
        {
            return;
        }

        // The cluster is ours alone and does not run: what a kill left would only make PostgreSQL guess about a reused process id.
        File.Delete(Path.Combine(DataDirectory, "postmaster.pid"));
        PostgresConfiguration.Write(DataDirectory, Port, _options);
        _postmaster = ManagedProcess.Start(new ProcessSpec(PostgresTools.PathOf("postgres"), "-D", DataDirectory)
        {
            LogFile = _log,
            User = PostgresTools.User,
            WorkingDirectory = "/",
            Name = $"postgres:{Port}",
        });
        await _postmaster.WaitUntilAsync(AnswersAsync, s_start, "accepts connections", cancellationToken);
    }

    public Task StartAgainAsync(CancellationToken cancellationToken = default) => StartAsync(cancellationToken);

    /// <summary>A fast shutdown: sessions are cut, everything committed is on disk.</summary>
    public async Task StopAsync()
    {
        if (_postmaster is not null)
        {
            await _postmaster.StopAsync(TimeSpan.FromSeconds(20), Signal.Interrupt);
            NpgsqlConnection.ClearAllPools();
        }
    }

    /// <summary>SIGKILL for the postmaster and every process of it, as when the machine dies; returns when none is left.</summary>
    public async Task KillAsync()
    {
        if (Postmaster is not { } postmaster)
        {
            return;
        }

        postmaster.Pause();
        var backends = ProcessTree.ChildrenOf(postmaster.Id);
        postmaster.Kill();
        foreach (var backend in backends)
        {
            Signals.Send(backend, Signal.Kill);
        }

        await Wait.UntilAsync(
            () => !backends.Any(ProcessTree.Runs),
            TimeSpan.FromSeconds(10),
            () => $"processes of the killed cluster are left: {string.Join(' ', backends.Where(ProcessTree.Runs))}");
        NpgsqlConnection.ClearAllPools();
    }

    /// <summary>Freezes the postmaster and every process of it: connections stay open, nothing answers.</summary>
    public void Pause()
    {
        if (Postmaster is { } postmaster)
        {
            postmaster.Pause();
            SendToBackends(postmaster, Signal.Stop);
        }
    }

    public void Resume()
    {
        if (Postmaster is { } postmaster)
        {
            SendToBackends(postmaster, Signal.Continue);
            postmaster.Resume();
        }
    }

    public async Task CreateDatabaseAsync(string name, string? template = null, CancellationToken cancellationToken = default) =>
        await ExecuteAsync($"CREATE DATABASE {Quote(name)} TEMPLATE {Quote(template ?? "template1")}", cancellationToken: cancellationToken);

    /// <summary>Runs statements as the superuser.</summary>
    public async Task ExecuteAsync(string sql, string database = "postgres", CancellationToken cancellationToken = default)
    {
        await using var connection = new NpgsqlConnection(ConnectionString(database) + ";Pooling=false");
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Everything that a database's tables hold, as its backup has it.</summary>
    public async Task<string> DumpAsync(string database, CancellationToken cancellationToken = default) => (await ManagedProcess.RunAsync(
        PostgresTools.PathOf("pg_dump"), ["-h", "127.0.0.1", "-p", $"{Port}", "-U", "postgres", "--data-only", database],
        new Dictionary<string, string> { ["PGPASSWORD"] = Password }, cancellationToken: cancellationToken)).EnsureSuccess().Output;

    /// <summary>A hot standby that follows this cluster by streaming, started and readable.</summary>
    public async Task<PostgresCluster> CreateStandbyAsync(string directory, CancellationToken cancellationToken = default)
    {
        var standby = await PrepareAsync(directory, _options with { Port = null }, cancellationToken);
        await PostgresTools.RunAsync(
            "pg_basebackup",
            ["-h", "127.0.0.1", "-p", $"{Port}", "-U", "postgres", "-D", standby.DataDirectory, "-R", "-X", "stream", "-c", "fast", "-C", "-S", $"standby_{standby.Port}", "--no-sync"],
            cancellationToken);
        await standby.StartAsync(cancellationToken);
        return standby;
    }

    /// <summary>A dump of one database by <c>pg_dump</c>, whatever uses it meanwhile.</summary>
    public Task DumpAsync(string database, string file, CancellationToken cancellationToken = default) =>
        PostgresTools.RunAsync("pg_dump", ["-h", "127.0.0.1", "-p", $"{Port}", "-U", "postgres", "-Fc", "-f", file, database], cancellationToken);

    /// <summary>Puts the older state back, as an operator does with <c>dropdb</c>, <c>createdb</c> and <c>pg_restore</c>; whoever uses it is cut off.</summary>
    public async Task RestoreAsync(string database, string file, CancellationToken cancellationToken = default)
    {
        string[] server = ["-h", "127.0.0.1", "-p", $"{Port}", "-U", "postgres"];
        await PostgresTools.RunAsync("dropdb", [.. server, "--force", database], cancellationToken);
        await PostgresTools.RunAsync("createdb", [.. server, database], cancellationToken);
        await PostgresTools.RunAsync("pg_restore", [.. server, "--exit-on-error", "-d", database, file], cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        // Nobody reads the data again, so a shutdown checkpoint is wasted time.
        await KillAsync();
        if (_postmaster is not null)
        {
            await _postmaster.DisposeAsync();
            _postmaster = null;
        }

        if (Directory.Exists(DataDirectory))
        {
            Directory.Delete(DataDirectory, recursive: true);
        }
    }

    private static async Task<PostgresCluster> PrepareAsync(string directory, PostgresOptions options, CancellationToken cancellationToken)
    {
        var wanted = Path.GetFullPath(directory);
        var home = await PostgresTools.ReachableAsync(wanted, cancellationToken);
        if (Directory.Exists(home))
        {
            Directory.Delete(home, recursive: true);
        }

        Directory.CreateDirectory(home);
        await PostgresTools.OwnAsync(home, cancellationToken);
        return new PostgresCluster(Path.Combine(home, "data"), wanted + ".log", options.Port ?? Ports.Free(), options);
    }

    private static string Quote(string name) => '"' + name.Replace("\"", "\"\"", StringComparison.Ordinal) + '"';

    private static void SendToBackends(ManagedProcess postmaster, Signal signal)
    {
        foreach (var backend in ProcessTree.ChildrenOf(postmaster.Id))
        {
            Signals.Send(backend, signal);
        }
    }

    private async Task<bool> AnswersAsync(CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(ConnectionString() + ";Pooling=false;Timeout=5");
        await connection.OpenAsync(cancellationToken);
        return true;
    }
}
