namespace GeoDR.Lab;

/// <summary>A cluster's directory with the schema of a site that never ran: made once for a process by <c>geodr migrate</c>, then copied.</summary>
internal static class MigratedCluster
{
    private static readonly Lazy<Task<string>> s_directory = new(MakeAsync);

    public static Task<string> DirectoryAsync() => s_directory.Value;

    private static async Task<string> MakeAsync()
    {
        var directory = LabDirectory.Create("migrated");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => directory.DisposeAsync().AsTask().GetAwaiter().GetResult();
        await using var cluster = await PostgresCluster.StartNewAsync(directory.PathOf("postgres"), new PostgresOptions { Fsync = false, RequirePassword = true });
        await cluster.CreateDatabaseAsync(Site.Database);
        (await GeoProgram.RunAsync(["migrate"], new Dictionary<string, string> { ["Geo__Database"] = cluster.ConnectionString(Site.Database) })).EnsureSuccess();
        await cluster.StopAsync();
        var copy = directory.PathOf("schema");
        await PostgresTools.CopyAsync(cluster.DataDirectory, copy, CancellationToken.None);
        return copy;
    }
}
