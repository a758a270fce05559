using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using GeoDR.Lab.Faults;
using GeoDR.Lab.Registries;
using Npgsql;

namespace GeoDR.Lab.Tool.Bench;

/// <summary>What one comparison cost and found.</summary>
/// <param name="Own">Requests that this site's registry counted.</param>
/// <param name="OwnSaid">The same as GeoDR says it.</param>
/// <param name="Peer">Requests to the other site that a proxy between the sites counted: its GeoDR's, and its registry's.</param>
/// <param name="Found">Kind, repository and tag.</param>
internal sealed record Comparison(double Seconds, long Own, long OwnSaid, long Peer, long PeerSaid, IReadOnlySet<(string Kind, string Repository, string Tag)> Found);

/// <summary>Two sites whose registries hold the same very many repositories, and know it; what counts between them is counted.</summary>
internal sealed class ReconcileLab : IAsyncDisposable
{
    private readonly LabDirectory _directory = LabDirectory.Create("bench-reconcile");
    private readonly List<IAsyncDisposable> _parts = [];
    private PostgresCluster[] _clusters = null!;
    private GeoSite _primary = null!;
    private GeoSite _secondary = null!;
    private HttpFaultProxy _toRegistry = null!;
    private HttpFaultRule _calls = null!;

    public LabRegistry PrimaryRegistry { get; private set; } = null!;

    public LabRegistry SecondaryRegistry { get; private set; } = null!;

    public static string Name(int number) => $"gen/{number:d6}";

    public static async Task<ReconcileLab> StartAsync(int repositories, IReadOnlyDictionary<string, LabImage> tags, int rate, CancellationToken cancellationToken)
    {
        var lab = new ReconcileLab();
        try
        {
            await lab.StartPartsAsync(rate, cancellationToken);
            // While they are empty, nothing is copied; then both hold the same, and know it as if they had been told long ago.
            lab.PrimaryRegistry.SeedGenerated(repositories, tags);
            lab.SecondaryRegistry.SeedGenerated(repositories, tags);
            foreach (var cluster in lab._clusters)
            {
                await lab.KnowAsync(cluster, repositories, tags, cancellationToken);
            }

            // What is found is to stay as it is, and to be compared.
            (await lab._secondary.RunAsync("pause")).EnsureSuccess();
            return lab;
        }
        catch
        {
            await lab.DisposeAsync();
            throw;
        }
    }

    /// <summary>As if an event had been applied to another digest: the secondary's registry and inventory agree, and differ from the primary.</summary>
    public async Task MisapplyAsync(string repository, string tag, LabImage image, CancellationToken cancellationToken)
    {
        SecondaryRegistry.Seed(repository, tag, image);
        await _clusters[1].ExecuteAsync($"update tag set digest = '{image.Digest}' where repository = '{repository}' and name = '{tag}'", "madrid", cancellationToken);
    }

    public Task<Comparison> AtPrimaryAsync(CancellationToken cancellationToken) => CompareAsync(_primary, PrimaryRegistry, cancellationToken);

    public Task<Comparison> AtSecondaryAsync(CancellationToken cancellationToken) => CompareAsync(_secondary, SecondaryRegistry, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        foreach (var part in Enumerable.Reverse(_parts))
        {
            await part.DisposeAsync();
        }

        await _directory.DisposeAsync();
    }

    private async Task StartPartsAsync(int rate, CancellationToken cancellationToken)
    {
        PrimaryRegistry = Keep(await LabRegistry.StartAsync());
        SecondaryRegistry = Keep(await LabRegistry.StartAsync());
        _clusters = new PostgresCluster[2];
        foreach (var (name, n) in new[] { ("berlin", 0), ("madrid", 1) })
        {
            _clusters[n] = Keep(await PostgresCluster.StartNewAsync(_directory.PathOf(name, "postgres"), new PostgresOptions { Fsync = true }, cancellationToken: cancellationToken));
            await _clusters[n].CreateDatabaseAsync(name, cancellationToken: cancellationToken);
        }

        _primary = await SiteAsync("berlin", "primary", _clusters[0], PrimaryRegistry, rate, cancellationToken);
        _secondary = await SiteAsync("madrid", "secondary", _clusters[1], SecondaryRegistry, rate, cancellationToken);
        var between = Keep(await HttpFaultProxy.StartAsync(_primary.Url));
        _calls = between.Add(new HttpFaultRule { Path = "^/api/v1/(fingerprints|inventory)" });
        _toRegistry = Keep(await HttpFaultProxy.StartAsync(PrimaryRegistry.Url));
        _primary.Set("Peers:madrid:Url", Text(_secondary.Url)).Set("Peers:madrid:PublicKeyFile", PublicKey("madrid"));
        _secondary.Set("Peers:berlin:Url", Text(between.Url)).Set("Peers:berlin:PublicKeyFile", PublicKey("berlin"))
            .Set("Primary:Url", Text(between.Url)).Set("Primary:Log", _clusters[0].ConnectionString("berlin"))
            .Set("Primary:Registry:Url", Text(_toRegistry.Url)).Set("Primary:Registry:AllowHttp", "true");
        await _primary.StartServeAsync(cancellationToken: cancellationToken);
        await _secondary.StartServeAsync(cancellationToken: cancellationToken);
        await using var source = NpgsqlDataSource.Create(_clusters[1].ConnectionString("madrid"));
        await Wait.UntilAsync(
            async token =>
            {
                await using var command = source.CreateCommand("select count(*) from request where kind = 'backfill' and status = 'done'");
                return (long)(await command.ExecuteScalarAsync(token))! > 0;
            },
            TimeSpan.FromMinutes(1), () => $"no backfill of nothing\n{_secondary.Serve?.LogTail(30)}", cancellationToken);
    }

    private async Task<GeoSite> SiteAsync(string name, string role, PostgresCluster cluster, LabRegistry registry, int rate, CancellationToken cancellationToken)
    {
        var site = Keep(new GeoSite(name, _directory.PathOf(name, "geodr"))).Set("Site:Role", role).Set("Database", cluster.ConnectionString(name))
            .Set("Notifications:Secrets:0", "bench").Set("Registry:Url", Text(registry.Url)).Set("Registry:AllowHttp", "true")
            .Set("Verification:Automatic", "false").Set("Reconcile:Every", "0s")
            .Set("Reconcile:RequestsPerSecond", rate.ToString(CultureInfo.InvariantCulture));
        var key = _directory.PathOf("keys", $"{name}.key");
        (await GeoProgram.RunAsync(["key", "new", "--private", key, "--public", PublicKey(name)], cancellationToken: cancellationToken)).EnsureSuccess();
        return site.Set("Site:KeyFile", key);
    }

    private async Task KnowAsync(PostgresCluster cluster, int repositories, IReadOnlyDictionary<string, LabImage> tags, CancellationToken cancellationToken)
    {
        var database = cluster == _clusters[0] ? "berlin" : "madrid";
        var pairs = string.Join(", ", tags.Select(t => $"('{t.Key}', '{t.Value.Digest}')"));
        // In parts, each of which fits into the time that one command has.
        for (var from = 0; from < repositories; from += 5000)
        {
            var numbers = $"generate_series({from}, {Math.Min(from + 5000, repositories) - 1}) n";
            await cluster.ExecuteAsync($"""
                insert into tag (repository, name, digest)
                select 'gen/' || lpad(n::text, 6, '0'), t.name, t.digest from {numbers}, (values {pairs}) as t(name, digest);
                insert into repository (name, state, priority, full_wanted, full_done, pending_since, last_synced_at)
                select 'gen/' || lpad(n::text, 6, '0'), 2, 1, 1, 1, null, clock_timestamp() from {numbers} where '{database}' = 'madrid'
                """, database, cancellationToken);
        }

        await cluster.ExecuteAsync("analyze", database, cancellationToken);
    }

    private async Task<Comparison> CompareAsync(GeoSite site, LabRegistry registry, CancellationToken cancellationToken)
    {
        registry.Requests.Clear();
        var (calls, toRegistry) = (_calls.Hits, _toRegistry.Total);
        var begun = Stopwatch.GetTimestamp();
        var run = (await site.RunAsync(["reconcile", "--json"], null, cancellationToken)).EnsureSuccess();
        var seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        using var said = JsonDocument.Parse(run.Output);
        return new(
            seconds, registry.Requests.Total, Number(run.Error, "requests to the registry"), _calls.Hits - calls + _toRegistry.Total - toRegistry, Number(run.Error, "to the primary"),
            said.RootElement.EnumerateArray()
                .Select(f => (f.GetProperty("kind").GetString()!, f.GetProperty("repository").GetString()!, f.GetProperty("tag").GetString()!)).ToHashSet());
    }

    private static long Number(string said, string of) =>
        Regex.Match(said, $"(\\d+) {of}") is { Success: true } found ? long.Parse(found.Groups[1].Value, CultureInfo.InvariantCulture) : 0;

    private string PublicKey(string name) => _directory.PathOf("keys", $"{name}.pub");

    private static string Text(Uri url) => url.AbsoluteUri.TrimEnd('/');

    private T Keep<T>(T part)
        where T : IAsyncDisposable
    {
        _parts.Add(part);
        return part;
    }
}
