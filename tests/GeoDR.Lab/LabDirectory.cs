namespace GeoDR.Lab;

/// <summary>The root of one run's data; deleted when disposed.</summary>
public sealed class LabDirectory : IAsyncDisposable
{
    private readonly bool _keep;

    private LabDirectory(string path, bool keep)
    {
        Root = path;
        _keep = keep;
        Directory.CreateDirectory(path);
    }

    public string Root { get; }

    /// <summary>A new directory under GEODR_LAB_DIR, or under the temporary directory. GEODR_LAB_KEEP=1 keeps it for a look at its logs.</summary>
    public static LabDirectory Create(string name = "run")
    {
        var parent = Environment.GetEnvironmentVariable("GEODR_LAB_DIR") is { Length: > 0 } set
            ? Path.GetFullPath(set)
            : Path.Combine(Path.GetTempPath(), "geodr-lab");
        var path = Path.Combine(parent, $"{name}-{Environment.ProcessId}-{Guid.NewGuid().ToString("N")[..8]}");
        return new LabDirectory(path, Environment.GetEnvironmentVariable("GEODR_LAB_KEEP") == "1");
    }

    /// <summary>A directory of the caller's choice, emptied first. It stays when disposed if <paramref name="keep"/> is set.</summary>
    public static LabDirectory At(string path, bool keep)
    {
        if (Directory.Exists(path))
        {
            Directory.Delete(path, recursive: true);
        }

        return new LabDirectory(Path.GetFullPath(path), keep);
    }

    /// <summary>A path below the root; its parent exists.</summary>
    public string PathOf(params ReadOnlySpan<string> parts)
    {
        var path = Path.Combine([Root, .. parts]);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        return path;
    }

    public ValueTask DisposeAsync()
    {
        if (!_keep && Directory.Exists(Root))
        {
            Directory.Delete(Root, recursive: true);
        }

        return ValueTask.CompletedTask;
    }
}
