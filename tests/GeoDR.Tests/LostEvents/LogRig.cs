using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using GeoDR.Lab;
using Npgsql;

namespace GeoDR.Tests.LostEvents;

/// <summary>
/// Two intake processes on one primary's database, and secondaries that follow its log: from it, from a hot standby, and over HTTP
/// from one of the intakes. Every event is a tag of its own. A trigger at each secondary counts, in the tailer's own transaction, how often it was taken.
/// </summary>
internal sealed class LogRig : IAsyncDisposable
{
    public const int Repositories = 500;
    private const string Secret = "notifies-geodr";
    // Without a hyphen: the names of peers are parts of variables, which a shell in between would drop.
    private const string OverHttp = "http_follower";

    private readonly LabDirectory _directory = LabDirectory.Create("lost-events");
    private readonly List<IAsyncDisposable> _parts = [];
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, ConnectTimeout = TimeSpan.FromSeconds(1) }) { Timeout = TimeSpan.FromSeconds(2) };

    public PostgresCluster Primary { get; private set; } = null!;
    public IReadOnlyList<GeoSite> Intakes { get; private set; } = null!;

    /// <summary>The followers: of the primary's database, of its standby, and, where the log is as it should be, of the first intake.</summary>
    public IReadOnlyList<(GeoSite Geo, PostgresCluster Database, string Name)> Followers { get; private set; } = null!;

    /// <param name="searchPath">Put into the intakes' connection string; null leaves PostgreSQL's own.</param>
    public static async Task<LogRig> StartAsync(string? searchPath, CancellationToken cancel)
    {
        var rig = new LogRig();
        rig.Primary = rig.Keep(await PostgresCluster.StartNewAsync(rig._directory.PathOf("primary"), new PostgresOptions { Fsync = true }, cancellationToken: cancel));
        var tracking = rig.Keep(await PostgresCluster.StartNewAsync(rig._directory.PathOf("tracking"), null, cancellationToken: cancel));
        await rig.Primary.CreateDatabaseAsync("geodr", cancellationToken: cancel);
        rig.Intakes = [.. new[] { "one", "two" }.Select(n => rig.Keep(rig.Site($"intake_{n}", "primary", rig.Primary.ConnectionString("geodr"))))];
        (await rig.Intakes[0].RunAsync("migrate")).EnsureSuccess();
        // Without the lock, a follower that is slow to read on a busy machine must still read within the moment that matters.
        await rig.Primary.ExecuteAsync(Hindrance(searchPath is null ? 0.05 : 0.25), "geodr", cancel);
        if (searchPath is not null)
            foreach (var intake in rig.Intakes)
                intake.Set("Database", $"{rig.Primary.ConnectionString("geodr")};Search Path={searchPath}");
        if (searchPath is null)
            await rig.IntroduceAsync(cancel);
        await Task.WhenAll(rig.Intakes.Select(i => i.StartServeAsync(cancellationToken: cancel)));
        var standby = rig.Keep(await rig.Primary.CreateStandbyAsync(rig._directory.PathOf("standby"), cancel));
        rig.Followers =
        [
            (await rig.FollowAsync("follower", tracking, rig.Primary.ConnectionString("geodr"), cancel), tracking, "follower"),
            (await rig.FollowAsync("standby-follower", tracking, standby.ConnectionString("geodr"), cancel), tracking, "standby-follower"),
        ];
        if (searchPath is null)
            rig.Followers = [.. rig.Followers, (await rig.FollowAsync(OverHttp, tracking, rig.Intakes[0].Url.AbsoluteUri, cancel), tracking, OverHttp)];
        return rig;
    }

    // The function takes the lock's place only where the search path names public before PostgreSQL's own schema.
    // One append in fifty is slow to commit, as on a busy disk: without the lock, others then commit before it.
    private static string Hindrance(double seconds) => $"""
        create function public.pg_advisory_xact_lock(bigint) returns void language sql as '';
        create function slow() returns trigger language plpgsql as $$ begin
            if random() < 0.0008 then perform pg_sleep({seconds.ToString(CultureInfo.InvariantCulture)}); end if; return null; end $$;
        create constraint trigger slow after insert on event deferrable initially deferred for each row execute function slow();
        """;

    private const string Count = """
        create unlogged table taken (reference text, event_id bigint);
        create function count_taken() returns trigger language plpgsql as $$ begin
            insert into taken values (new.reference, new.event_id); return new; end $$;
        create trigger count_taken before insert on waiting_reference for each row execute function count_taken();
        """;

    /// <summary>Eight writers send the events, each envelope until it is answered 200.</summary>
    /// <param name="first">The number of the first of them.</param>
    /// <param name="onProgress">Called with the share that is sent, from 0 to 1.</param>
    public async Task SendAsync(int events, int perEnvelope, Func<double, Task> onProgress, CancellationToken cancel, int first = 0)
    {
        var sent = 0;
        await Parallel.ForEachAsync(
            Enumerable.Range(0, events / perEnvelope), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = cancel },
            async (envelope, stop) =>
            {
                var body = Envelope(first + envelope * perEnvelope, perEnvelope);
                for (var to = envelope; !await IsTakenAsync(Intakes[to % 2].Url, body, stop); to++)
                    await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, stop);
                await onProgress(Interlocked.Add(ref sent, perEnvelope) / (double)events);
            });
    }

    /// <summary>Returns when a follower's cursor stands at the log's head.</summary>
    public Task WaitUntilReadAsync((GeoSite Geo, PostgresCluster Database, string Name) follower, CancellationToken cancel) => Wait.UntilAsync(
        async token => await ScalarAsync(Primary, "geodr", "select max(id) from event", token) == await ScalarAsync(follower.Database, follower.Name, "select event_id from cursor", token),
        TimeSpan.FromSeconds(60), () => $"{follower.Name} is not at the head\n{follower.Geo.Serve?.LogTail(20)}", cancel);

    /// <summary>Of the events 0 to <paramref name="events"/>: how many were never taken, how many more than once.</summary>
    public static async Task<(long Missed, long Twice)> CheckAsync((GeoSite Geo, PostgresCluster Database, string Name) follower, int events, CancellationToken cancel) =>
    (
        await ScalarAsync(follower.Database, follower.Name,
            $"select count(*) from generate_series(0, {events - 1}) n where not exists (select from taken where reference = 't' || n)", cancel),
        await ScalarAsync(follower.Database, follower.Name, "select count(*) from (select 1 from taken group by reference having count(*) > 1) t", cancel)
    );

    public Task<long> CountEventsAsync(CancellationToken cancel) => ScalarAsync(Primary, "geodr", "select count(*) from event", cancel);

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        _parts.Reverse();
        foreach (var part in _parts)
            await part.DisposeAsync();
        await _directory.DisposeAsync();
    }

    private T Keep<T>(T part)
        where T : IAsyncDisposable
    {
        _parts.Add(part);
        return part;
    }

    private GeoSite Site(string name, string role, string database) => new GeoSite(name, _directory.PathOf(name, "geodr"))
        .Set("Site:Role", role).Set("Database", database).Set("Notifications:Secrets:0", Secret);

    /// <summary>A secondary that is paused: it follows the log and copies nothing, so that every reference stays to be counted.</summary>
    private async Task<GeoSite> FollowAsync(string name, PostgresCluster tracking, string log, CancellationToken cancel)
    {
        await tracking.CreateDatabaseAsync(name, cancellationToken: cancel);
        var site = Keep(Site(name, "secondary", tracking.ConnectionString(name)))
            .Set("Primary:Log", log).Set("Primary:AllowHttp", "true")
            .Set("Site:KeyFile", name == OverHttp ? Key(OverHttp, "key") : null)
            .Set("Peers:intake_one:Url", Intakes[0].Url.AbsoluteUri).Set("Peers:intake_one:PublicKeyFile", name == OverHttp ? Key("intake_one", "pub") : null)
            .Set("Registry:Url", $"http://127.0.0.1:{Ports.Free()}").Set("Registry:AllowHttp", "true")
            .Set("Primary:Registry:Url", $"http://127.0.0.1:{Ports.Free()}").Set("Primary:Registry:AllowHttp", "true");
        (await site.RunAsync("migrate")).EnsureSuccess();
        await tracking.ExecuteAsync(Count, name, cancel);
        await site.StartServeAsync(cancellationToken: cancel);
        (await site.RunAsync("pause")).EnsureSuccess();
        await Wait.UntilAsync(
            async token => await ScalarAsync(tracking, name, "select count(*) from cursor", token) == 1,
            TimeSpan.FromSeconds(20), () => $"{name} has no cursor\n{site.Serve?.LogTail(20)}", cancel);
        return site;
    }

    /// <summary>The intakes and the follower over HTTP get to know each other.</summary>
    private async Task IntroduceAsync(CancellationToken cancel)
    {
        foreach (var name in new[] { "intake_one", OverHttp })
            (await GeoProgram.RunAsync(["key", "new", "--private", Key(name, "key"), "--public", Key(name, "pub")], cancellationToken: cancel)).EnsureSuccess();
        foreach (var intake in Intakes)
            intake.Set($"Peers:{OverHttp}:PublicKeyFile", Key(OverHttp, "pub"));
    }

    private string Key(string name, string kind) => _directory.PathOf($"{name}.{kind}");

    private async Task<bool> IsTakenAsync(Uri intake, string body, CancellationToken cancel)
    {
        try
        {
            using var content = new StringContent(body, Encoding.UTF8, new MediaTypeHeaderValue("application/vnd.docker.distribution.events.v1+json"));
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(intake, "/api/v4/container_registry_event/events")) { Content = content };
            request.Headers.TryAddWithoutValidation("Authorization", Secret);
            using var answer = await _http.SendAsync(request, cancel);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or IOException || (e is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            return false;
        }
    }

    private static string Envelope(int first, int count)
    {
        var events = Enumerable.Range(first, count).Select(n => string.Create(CultureInfo.InvariantCulture, $$"""
            {"id":"event-{{n}}","timestamp":"2024-01-01T00:00:00Z","action":"push","target":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:{{n:x64}}","size":1,"repository":"lost/r{{n % Repositories}}","tag":"t{{n}}"},"request":{"id":"{{n}}"},"actor":{"name":"ci"},"source":{"addr":"a","instanceID":"i"} }
            """));
        return $$"""{"events":[{{string.Join(',', events)}}]}""";
    }

    private static async Task<long> ScalarAsync(PostgresCluster cluster, string database, string sql, CancellationToken cancel)
    {
        await using var source = NpgsqlDataSource.Create(cluster.ConnectionString(database) + ";Pooling=false;Timeout=5");
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync(cancel) is long found ? found : 0;
    }
}
