namespace GeoDR.Lab;

/// <summary>Debian's postgresql-15, which refuses to run as root: then its commands run as the user postgres.</summary>
internal static class PostgresTools
{
    public const string Password = "geodr-lab";

    private const string Binaries = "/usr/lib/postgresql/15/bin";

    public static string? User { get; } = Environment.IsPrivilegedProcess ? "postgres" : null;

    public static string PathOf(string program) => Path.Combine(Binaries, program);

    public static async Task RunAsync(string program, IEnumerable<string> arguments, CancellationToken cancellationToken) =>
        (await ManagedProcess.RunAsync(
            PathOf(program),
            arguments,
            new Dictionary<string, string> { ["PGPASSWORD"] = Password, ["LC_ALL"] = "C.UTF-8" },
            user: User,
            workingDirectory: "/",
            cancellationToken: cancellationToken)).EnsureSuccess();

    /// <summary>A copy with owners and modes, sharing blocks where the file system can.</summary>
    public static async Task CopyAsync(string from, string to, CancellationToken cancellationToken) =>
        (await ManagedProcess.RunAsync("cp", ["-a", "--reflink=auto", from, to], cancellationToken: cancellationToken)).EnsureSuccess();

    /// <summary>
    /// The directory to use in place of <paramref name="wanted"/>: itself, or one in the temporary directory (the same for the same
    /// wish) when the user postgres cannot get there, as below /root.
    /// </summary>
    public static async Task<string> ReachableAsync(string wanted, CancellationToken cancellationToken)
    {
        var parent = Path.GetDirectoryName(wanted)!;
        Directory.CreateDirectory(parent);
        if (User is null)
        {
            return wanted;
        }

        var probe = await ManagedProcess.RunAsync("test", ["-x", parent], user: User, workingDirectory: "/", cancellationToken: cancellationToken);
        if (probe.ExitCode == 0)
        {
            return wanted;
        }

        var hash = System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(wanted));
        return Path.Combine(Path.GetTempPath(), $"geodr-lab-postgres-{Convert.ToHexStringLower(hash)[..16]}");
    }

    /// <summary>A fresh data directory as initdb made it once for this user and machine. Its log's segments are small: it is copied for each cluster.</summary>
    public static async Task<string> PristineAsync(CancellationToken cancellationToken)
    {
        var cache = Path.Combine(Path.GetTempPath(), $"geodr-lab-initdb-15-small-{Environment.UserName}");
        var ready = Path.Combine(cache, "data");
        if (Directory.Exists(ready))
        {
            return ready;
        }

        Directory.CreateDirectory(cache);
        await using var only = await LockAsync(Path.Combine(Path.GetTempPath(), $"geodr-lab-initdb-15-small-{Environment.UserName}.lock"), cancellationToken);
        if (Directory.Exists(ready))
        {
            return ready;
        }

        var password = Path.Combine(cache, "password");
        await File.WriteAllTextAsync(password, Password, cancellationToken);
        await OwnAsync(cache, cancellationToken);
        var fresh = Path.Combine(cache, $"fresh-{Guid.NewGuid():N}");
        await RunAsync(
            "initdb",
            ["-D", fresh, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--auth=trust", $"--pwfile={password}", "--no-sync", "--no-instructions", "--wal-segsize=1"],
            cancellationToken);
        Directory.Move(fresh, ready);
        return ready;
    }

    public static async Task OwnAsync(string path, CancellationToken cancellationToken)
    {
        if (User is not null)
        {
            (await ManagedProcess.RunAsync("chown", ["-R", $"{User}:{User}", path], cancellationToken: cancellationToken)).EnsureSuccess();
        }
    }

    private static async Task<FileStream> LockAsync(string path, CancellationToken cancellationToken)
    {
        FileStream? held = null;
        await Wait.UntilAsync(
            _ => Task.FromResult((held = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None)) is not null),
            TimeSpan.FromMinutes(1),
            () => $"{path} is locked by another lab",
            cancellationToken);
        return held!;
    }
}
