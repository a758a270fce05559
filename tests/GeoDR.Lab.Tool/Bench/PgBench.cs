using System.Globalization;

namespace GeoDR.Lab.Tool.Bench;

/// <summary>PostgreSQL's own benchmark, inserting the row that the intake inserts into a copy of its table, indexes and all.</summary>
internal sealed class PgBench(PostgresCluster cluster, string directory)
{
    /// <summary>Clients on connections that stay open, with prepared statements: the best that a client of the database can do alone.</summary>
    public async Task<SenderResult> RunAsync(int clients, TimeSpan length, CancellationToken cancellationToken)
    {
        var table = $"bench_event_{clients}";
        await cluster.ExecuteAsync($"create table {table} (like event including all)", Site.Database, cancellationToken);
        Directory.CreateDirectory(directory);
        var script = Path.Combine(directory, $"{table}.sql");
        await File.WriteAllTextAsync(script, Script(table), cancellationToken);
        var said = await ManagedProcess.RunAsync(
            "pgbench",
            [
                "-h", "127.0.0.1", "-p", $"{cluster.Port}", "-U", "postgres", "-n", "-M", "prepared", "-f", script,
                "-c", $"{clients}", "-j", $"{Math.Min(clients, Environment.ProcessorCount)}",
                "-T", length.TotalSeconds.ToString("0", CultureInfo.InvariantCulture), "-l", $"--log-prefix={table}", Site.Database,
            ],
            new Dictionary<string, string> { ["PGPASSWORD"] = PostgresCluster.Password },
            workingDirectory: directory,
            cancellationToken: cancellationToken);
        said.EnsureSuccess();
        // A line for each transaction: client, number, microseconds, script, time.
        var times = Directory.GetFiles(directory, $"{table}.*")
            .Where(f => f != script)
            .SelectMany(File.ReadLines)
            .Select(l => double.Parse(l.Split(' ')[2], CultureInfo.InvariantCulture) / 1000)
            .ToList();
        return new SenderResult(times, 0, length.TotalSeconds);
    }

    private static string Script(string table) => $"""
        \set key random(1, 9000000000000000000)
        insert into {table} (key, kind, repository, tag, digest, media_type, size, bytes, source_event_id, instance_id, actor, occurred_at)
        values (:key, 'push', 'bench/pgbench', 'v' || :key, 'sha256:2669229200c5f54fb8142197770373a783b0bc32e12e540afd2c3ed6885a69a2',
            'application/vnd.oci.image.manifest.v1+json', 416, 523, gen_random_uuid()::text, '7417c61e-b24d-4d05-bd82-6505f5dedfe2', 'pusher', now());
        """;
}
