using System.Globalization;
using System.Text;
using Npgsql;

namespace GeoDR.Lab.Tool.Bench;

/// <summary>What one step cost.</summary>
internal sealed record SyncCost(double Seconds, long SourceRequests, long TargetRequests)
{
    public long Requests => SourceRequests + TargetRequests;
}

/// <summary>
/// A source registry, and an empty target with a GeoDR that follows it. No registry notifies and none asks for credentials: both
/// tools meet the same configuration, and every request counted is the tool's.
/// </summary>
internal sealed class SyncLab : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(10);

    private readonly LabDirectory _directory = LabDirectory.Create("bench-sync");
    private readonly List<IAsyncDisposable> _parts = [];
    private GeoSite _primary = null!;
    private GeoSite _secondary = null!;
    private string _tracking = null!;

    public DistributionRegistry Source { get; private set; } = null!;

    public DistributionRegistry Target { get; private set; } = null!;

    public RegistryPusher Pusher { get; private set; } = null!;

    public static async Task<SyncLab> StartAsync(SyncData data, CancellationToken cancellationToken)
    {
        var lab = new SyncLab();
        lab.Source = lab.Keep(await DistributionRegistry.StartNewAsync(lab._directory.PathOf("source"), new DistributionOptions(), cancellationToken));
        lab.Pusher = new RegistryPusher(new RegistryClient(lab.Source.Url));
        await Parallel.ForEachAsync(data.Images, new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = cancellationToken },
            async (image, token) => await lab.Pusher.PushAsync(image.Repository, image.Tag, image.Image, token));
        return lab;
    }

    /// <summary>An empty target; with GeoDR, paused and ready.</summary>
    public async Task NewTargetAsync(bool withGeoDr, CancellationToken cancellationToken)
    {
        await DisposePartsAsync(keep: 1);
        Target = Keep(await DistributionRegistry.StartNewAsync(_directory.PathOf($"target-{Guid.NewGuid():N}"), new DistributionOptions(), cancellationToken));
        if (!withGeoDr)
        {
            return;
        }

        var cluster = Keep(await PostgresCluster.StartNewAsync(_directory.PathOf($"postgres-{Guid.NewGuid():N}"), new PostgresOptions { Fsync = true }, cancellationToken: cancellationToken));
        await cluster.CreateDatabaseAsync("berlin", cancellationToken: cancellationToken);
        await cluster.CreateDatabaseAsync("madrid", cancellationToken: cancellationToken);
        _tracking = cluster.ConnectionString("madrid");
        _primary = Keep(new GeoSite("berlin", _directory.PathOf("berlin"))).Set("Site:Role", "primary").Set("Database", cluster.ConnectionString("berlin"))
            .Set("Notifications:Secrets:0", "bench");
        _secondary = Keep(new GeoSite("madrid", _directory.PathOf("madrid"))).Set("Site:Role", "secondary").Set("Database", _tracking)
            .Set("Notifications:Secrets:0", "bench").Set("Primary:Log", cluster.ConnectionString("berlin"))
            .Set("Registry:Url", Target.Url.AbsoluteUri).Set("Registry:AllowHttp", "true")
            .Set("Primary:Registry:Url", Source.Url.AbsoluteUri).Set("Primary:Registry:AllowHttp", "true");
        await _primary.StartServeAsync(cancellationToken: cancellationToken);
        (await _secondary.RunAsync("migrate")).EnsureSuccess();
        await cluster.ExecuteAsync("insert into site (name, role, paused) values ('madrid', 'secondary', true)", "madrid", cancellationToken);
        await _secondary.StartServeAsync(cancellationToken: cancellationToken);
        await UntilAsync("select count(*) from request where kind = 'backfill' and status = 'done'", found => found > 0, cancellationToken);
    }

    /// <summary>GeoDR's ordinary resync of everything, the catalog read again.</summary>
    public Task<SyncCost> ResyncAsync(CancellationToken cancellationToken) => MeasureAsync(async () =>
    {
        (await _secondary.RunAsync("resync", "--all")).EnsureSuccess();
        // A row whose work has begun would be compared a second time when the request reaches it.
        await UntilAsync("select count(*) from request where status = 'running'", open => open == 0, cancellationToken);
        (await _secondary.RunAsync("resume")).EnsureSuccess();
        await UntilAsync(
            "select (select count(*) from request where status = 'running') + (select count(*) from repository where state <> 2 or full_wanted > full_done)",
            open => open == 0, cancellationToken);
    });

    /// <summary>The event of one push, as a registry sends it, until the tag is at the target.</summary>
    public Task<SyncCost> FollowAsync(string repository, string tag, string digest, CancellationToken cancellationToken)
    {
        return MeasureAsync(async () =>
        {
            using var sender = new HttpClient();
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(_primary.Url, "/api/v4/container_registry_event/events"))
            {
                Content = new StringContent($$"""
                    {"events":[{"id":"{{Guid.NewGuid()}}","action":"push","timestamp":"2024-01-01T00:00:00Z","target":{"mediaType":"{{MediaTypes.OciManifest}}","digest":"{{digest}}","repository":"{{repository}}","tag":"{{tag}}"} } ]}
                    """, Encoding.UTF8, "application/vnd.docker.distribution.events.v1+json"),
            };
            request.Headers.TryAddWithoutValidation("Authorization", "bench");
            (await sender.SendAsync(request, cancellationToken)).EnsureSuccessStatusCode();
            await UntilAsync("select count(*) from repository where state <> 2", open => open == 0, cancellationToken);
            await UntilAsync($"select count(*) from tag where repository = '{repository}' and name = '{tag}' and digest = '{digest}'", found => found == 1, cancellationToken);
        });
    }

    /// <summary><c>skopeo sync --all</c> of the same repositories.</summary>
    public async Task<SyncCost> SkopeoAsync(SyncData data, CancellationToken cancellationToken)
    {
        var list = _directory.PathOf("skopeo.yml");
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{Source.Host}:\n  tls-verify: false\n  images:\n");
        foreach (var repository in data.Repositories)
        {
            text.Append(CultureInfo.InvariantCulture, $"    {repository}: []\n");
        }

        await File.WriteAllTextAsync(list, text.ToString(), cancellationToken);
        return await MeasureAsync(async () => (await ManagedProcess.RunAsync(
            "skopeo", ["sync", "--all", "--src", "yaml", "--dest", "docker", "--dest-tls-verify=false", list, Target.Host], cancellationToken: cancellationToken)).EnsureSuccess());
    }

    /// <summary>Every blob of the data once, GET piped to PUT by curl, one after the other: the wire's own speed.</summary>
    public Task<SyncCost> CurlAsync(SyncData data, IReadOnlyList<(string Repository, string Digest)> blobs, CancellationToken cancellationToken) => MeasureAsync(async () =>
    {
        foreach (var (repository, digest) in blobs)
        {
            var script = $"""
                set -e
                location=$(curl -sS -i -X POST {Target.Url}v2/{repository}/blobs/uploads/ | tr -d '\r' | sed -n 's/^Location: //ip')
                curl -sS {Source.Url}v2/{repository}/blobs/{digest} | curl -sS -f -o /dev/null -X PUT -H 'Content-Type: application/octet-stream' -T - "$location&digest={digest}"
                """;
            (await ManagedProcess.RunAsync("bash", ["-c", script], cancellationToken: cancellationToken)).EnsureSuccess();
        }
    });

    public async ValueTask DisposeAsync()
    {
        await DisposePartsAsync(keep: 0);
        Pusher.Client.Dispose();
        await _directory.DisposeAsync();
    }

    private async Task<SyncCost> MeasureAsync(Func<Task> work)
    {
        var before = (Source: (await Source.ReadCountersAsync()).Total, Target: (await Target.ReadCountersAsync()).Total);
        var watch = System.Diagnostics.Stopwatch.StartNew();
        await work();
        var seconds = watch.Elapsed.TotalSeconds;
        return new(seconds, (await Source.ReadCountersAsync()).Total - before.Source, (await Target.ReadCountersAsync()).Total - before.Target);
    }

    private async Task UntilAsync(string sql, Func<long, bool> holds, CancellationToken cancellationToken)
    {
        await using var source = NpgsqlDataSource.Create(_tracking);
        await Wait.UntilAsync(
            async token =>
            {
                await using var command = source.CreateCommand(sql);
                return holds((long)(await command.ExecuteScalarAsync(token))!);
            },
            s_patience, () => $"not so: {sql}\n{_secondary.Serve?.LogTail(30)}", cancellationToken);
    }

    private T Keep<T>(T part)
        where T : IAsyncDisposable
    {
        _parts.Add(part);
        return part;
    }

    private async Task DisposePartsAsync(int keep)
    {
        foreach (var part in _parts.Skip(keep).Reverse().ToList())
        {
            await part.DisposeAsync();
            _parts.Remove(part);
        }
    }
}
