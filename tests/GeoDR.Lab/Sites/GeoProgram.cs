namespace GeoDR.Lab;

/// <summary>The published program: GEODR_PROGRAM, else <c>artifacts/publish/geodr</c> below the repository's root.</summary>
public static class GeoProgram
{
    public static string Path { get; } = Find();

    /// <summary>The directory of GeoDR.sln, from where this assembly lies upwards.</summary>
    public static string RepositoryRoot()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(at.FullName, "GeoDR.sln")))
            {
                return at.FullName;
            }
        }

        throw new LabException($"no GeoDR.sln above {AppContext.BaseDirectory}");
    }

    /// <summary>Runs one verb without a site.</summary>
    public static Task<CommandResult> RunAsync(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, string? stdin = null, CancellationToken cancellationToken = default) =>
        ManagedProcess.RunAsync(Path, arguments, environment, stdin, cancellationToken: cancellationToken);

    private static string Find()
    {
        var path = Environment.GetEnvironmentVariable("GEODR_PROGRAM") is { Length: > 0 } set
            ? System.IO.Path.GetFullPath(set)
            : System.IO.Path.Combine(RepositoryRoot(), "artifacts", "publish", "geodr");
        return File.Exists(path) ? path : throw new LabException($"{path} is not there: run ./scripts/build, or set GEODR_PROGRAM");
    }
}
