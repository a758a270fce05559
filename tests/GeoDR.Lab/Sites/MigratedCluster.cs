namespace GeoDR.Lab;

/// <summary>A cluster's directory with the schema of a site that never ran: made once for a process by <c>geodr migrate</c>, then copied.</summary>
internal static class MigratedCluster
{
    private static readonly Lazy<LabDirectory> s_root = new(() =>
    {
        var directory = LabDirectory.Create("migrated");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => directory.DisposeAsync().AsTask().GetAwaiter().GetResult();
        return directory;
    });

    private static readonly Lazy<Task<string>> s_whole = new(MakeAsync);
    private static readonly Lazy<Task<string>> s_small = new(ShrinkAsync);

    /// <param name="small">With segments of 1 MiB in its log, which is most of a copy otherwise: for clusters whose speed nobody measures.</param>
    public static Task<string> DirectoryAsync(bool small) => (small ? s_small : s_whole).Value;

    private static async Task<string> MakeAsync()
    {
        await using var cluster = await PostgresCluster.StartNewAsync(s_root.Value.PathOf("postgres"), new PostgresOptions { Fsync = false, RequirePassword = true });
        await cluster.CreateDatabaseAsync(Site.Database);
        (await GeoProgram.RunAsync(["migrate"], new Dictionary<string, string> { ["Geo__Database"] = cluster.ConnectionString(Site.Database) })).EnsureSuccess();
        // No site uses it, and it would be copied with each.
        await cluster.ExecuteAsync("UPDATE pg_database SET datistemplate = false WHERE datname = 'template0'");
        await cluster.ExecuteAsync("DROP DATABASE template0");
        await cluster.StopAsync();
        var copy = s_root.Value.PathOf("schema");
        await PostgresTools.CopyAsync(cluster.DataDirectory, copy, CancellationToken.None);
        return copy;
    }

    private static async Task<string> ShrinkAsync()
    {
        var copy = s_root.Value.PathOf("small");
        await PostgresTools.CopyAsync(await s_whole.Value, copy, CancellationToken.None);
        await PostgresTools.RunAsync("pg_resetwal", ["--wal-segsize=1", "-D", copy], CancellationToken.None);
        return copy;
    }
}
