using System.Text.Json;
using GeoDR.Configuration;
using GeoDR.EventLog;
using GeoDR.Hosting;
using GeoDR.Registry;
using GeoDR.Secrets;
using GeoDR.Sites;
using GeoDR.SyncState;
using GeoDR.Tokens;
using Npgsql;

namespace GeoDR.Cli;

/// <summary>One thing that was tried.</summary>
/// <param name="Result">pass, warn or fail.</param>
public sealed record CheckLine(string Name, string Result, string Detail, string? Mend);

/// <summary>Proves the configuration by using it.</summary>
internal sealed class CheckVerb
{
    private static readonly TimeSpan s_clockTolerance = TimeSpan.FromSeconds(30);
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private readonly List<CheckLine> _lines = [];
    private SiteStore? _sites;

    public static async Task<int> RunAsync(bool json, CancellationToken cancel)
    {
        var reader = new SettingsReader(VerbSettings.Configuration());
        var settings = reader.Read();
        var check = new CheckVerb();
        foreach (var fault in reader.Faults)
            check.Fail("settings", fault.Key, fault.Mend);
        if (reader.Faults.Count == 0)
            await check.AllAsync(settings, cancel);
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(check._lines, s_json));
        else
            foreach (var line in check._lines)
                Console.WriteLine($"{line.Result,-4}  {line.Name}: {line.Detail}{(line.Mend is null ? "" : $"\n      mend: {line.Mend}")}");
        return check._lines.Any(l => l.Result == "fail") ? ExitCodes.Failed : ExitCodes.Success;
    }

    private async Task AllAsync(GeoSettings s, CancellationToken cancel)
    {
        await DatabaseAsync("database", "Geo:Database", s.Database, "select clock_timestamp()", cancel);
        if (!Keys(s))
            return;
        await using var source = SiteDatabase.Open(s.Database);
        _sites = new(source);
        s = await KnownAsync(s, source, cancel);
        if (s.Role == Site.Primary)
        {
            if (s.Registry is { } only)
                await RegistryAsync(Peers.OwnRegistry, "Geo:Registry", only, s, push: false, cancel);
        }
        else
        {
            await LogAsync(s, cancel);
            using var primary = await RegistryAsync(Peers.PrimaryRegistry, "Geo:Primary:Registry", s.PrimaryRegistry!, s, push: false, cancel);
            using var own = await RegistryAsync(Peers.OwnRegistry, "Geo:Registry", s.Registry!, s, push: true, cancel);
            if (primary is not null && own is not null)
                await SameAsync(own, primary, cancel);
            await PeerAsync(s, cancel);
        }
        await foreach (var line in AlertCheck.LinesAsync(s.Alerts))
            _lines.Add(line);
        if (s.Secrets.Value.Length > 0 && s.SiteUrl is not null)
            await SecretAsync(s, cancel);
    }

    private bool Keys(GeoSettings s)
    {
        try
        {
            Pass("token key", RegistryClients.Signer(s, TimeProvider.System) is not null ? "key and certificate belong together"
                : s.PrimaryRegistry is { } r && TokensFrom.IsPrimary(r, s) ? "none set; the primary grants the tokens for its registry" : "none set; the registries must know another way");
            return true;
        }
        catch (TokenKeyException e)
        {
            Fail("token key", e.Message, "set Geo:Tokens:KeyFile and Geo:Tokens:CertificateFile to a private key and the certificate made from it");
            return false;
        }
    }

    /// <summary>With what the site's database knows of the other sites, where it answers.</summary>
    private async Task<GeoSettings> KnownAsync(GeoSettings s, NpgsqlDataSource source, CancellationToken cancel)
    {
        try
        {
            var site = await _sites!.ReadAsync(cancel);
            var (known, faults) = await Failover.Following.ApplyAsync(s, site, new SiteBook(source), cancel);
            foreach (var fault in faults)
                Fail("settings", fault.Key, fault.Mend);
            return faults.Count > 0 ? s : known;
        }
        catch (NpgsqlException)
        {
            foreach (var fault in PrimaryLogSettings.PeerFaults(s, _ => false))
                Fail("settings", fault.Key, fault.Mend);
            return s;
        }
    }

    private async Task DatabaseAsync(string name, string key, Secret<string> connection, string sql, CancellationToken cancel)
    {
        try
        {
            await using var source = SiteDatabase.OpenLog(connection);
            await using var command = source.CreateCommand(sql);
            var there = new DateTimeOffset((DateTime)(await command.ExecuteScalarAsync(cancel))!);
            Pass(name, "answers");
            Clock(name, TimeProvider.System.GetUtcNow() - there);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification)
        {
            Fail(name, e.MessageText, $"correct Username and Password in {key}");
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InsufficientPrivilege)
        {
            Fail(name, e.MessageText, "run `geodr migrate` at the primary, and grant geo_log_reader to the role that reads");
        }
        catch (NpgsqlException e)
        {
            Fail(name, e.Message, $"check Host and Port in {key}, and that PostgreSQL runs there");
        }
    }

    private async Task LogAsync(GeoSettings s, CancellationToken cancel)
    {
        if (s.PrimaryLogUrl is null)
            await DatabaseAsync("primary's log", "Geo:Primary:Log", s.PrimaryLog!, "select clock_timestamp() from geo_log_v1 where id = 0", cancel);
        else if (s.PrimaryLogPeer is not null)
            await LogCheck.RunAsync(s, _lines.Add, Clock, cancel);
    }

    private void Clock(string name, TimeSpan off)
    {
        if (off.Duration() > s_clockTolerance)
            Fail($"clock against the {name}", $"this machine is {off.Duration().TotalSeconds:0} s {(off > TimeSpan.Zero ? "ahead" : "behind")}",
                "set this machine's clock by NTP; tokens are refused when clocks differ");
        else
            Pass($"clock against the {name}", $"{off.TotalSeconds:0.0} s apart");
    }

    private async Task<RegistryClient?> RegistryAsync(string name, string key, RegistrySettings registry, GeoSettings s, bool push, CancellationToken cancel)
    {
        var client = RegistryClients.Build(name, registry, s, TimeProvider.System, sites: _sites);
        try
        {
            await client.PingAsync(cancel);
            if (client.ServerTime is { } there)
                Clock(name, TimeProvider.System.GetUtcNow() - there);
            await ReadAsync(client, cancel);
            Pass(name, "takes the token and answers a pull");
            if (push)
            {
                var bytes = "geodr check"u8.ToArray();
                var upload = await client.StartUploadAsync(SiteRelations.CanaryRepository, null, cancel);
                await client.CompleteUploadAsync(upload!, Digest.OfSha256(bytes), new ByteArrayContent(bytes), cancel);
                Pass(name, "takes a push");
            }
            return client;
        }
        catch (RegistryException e)
        {
            Fail(name, e.Call, RegistryMend.Of(e, key, registry, client.Challenge));
            client.Dispose();
            return null;
        }
    }

    private static async Task ReadAsync(RegistryClient client, CancellationToken cancel)
    {
        try
        {
            await foreach (var _ in client.ListTagsAsync(SiteRelations.CanaryRepository, cancel))
                break;
        }
        catch (RegistryException e) when (e.Status == System.Net.HttpStatusCode.NotFound)
        {
        }
    }

    private async Task SameAsync(RegistryClient own, RegistryClient primary, CancellationToken cancel)
    {
        try
        {
            if (await SiteRelations.SameRegistryAsync(own, primary, cancel))
                Fail("two registries", "what was written to Geo:Registry:Url is at Geo:Primary:Registry:Url", "they are the same registry: name the primary's in Geo:Primary:Registry:Url");
            else
                Pass("two registries", "they are two");
        }
        catch (RegistryException e)
        {
            _lines.Add(new("two registries", "warn", e.Message, null));
        }
    }

    private async Task PeerAsync(GeoSettings s, CancellationToken cancel)
    {
        await using var source = SiteDatabase.Open(s.Database);
        using var sender = new HeartbeatSender(s, new Status.StatusReader(source, TimeProvider.System), TimeProvider.System);
        if (sender.Missing is { } missing)
        {
            _lines.Add(new("primary's GeoDR", "warn", $"{missing} is not set, so no heartbeat is sent", $"set {missing}"));
            return;
        }
        try
        {
            var answer = await sender.SendAsync(cancel);
            if (answer.Role == Site.Primary)
                Pass("primary's GeoDR", $"{answer.Name} answers as primary");
            else
                Fail("primary's GeoDR", $"{answer.Name} is a {answer.Role}", "name the primary's GeoDR in Geo:Primary:Url");
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or InvalidOperationException or NpgsqlException)
        {
            _lines.Add(new("primary's GeoDR", "warn", e.Message, "start it, or check Geo:Primary:Url and the keys of both sites"));
        }
    }

    // The running site may know other secrets than these settings do.
    private async Task SecretAsync(GeoSettings s, CancellationToken cancel)
    {
        using var http = new HttpClient(SiteClient.Handler(s.PrimaryCaFile)) { Timeout = TimeSpan.FromSeconds(5) };
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(s.SiteUrl!, "/api/v1/notifications"));
        request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {s.Secrets.Value[0]}");
        request.Content = new StringContent("""{"events":[{"id":"geodr-check","action":"pull"}]}""");
        try
        {
            using var response = await http.SendAsync(request, cancel);
            if (response.StatusCode == System.Net.HttpStatusCode.Unauthorized)
                Fail("notification secret", "the running site refuses the secret of these settings", "restart `geodr serve` with Geo:Notifications:Secrets as it is here, and put the same into the registry's headers");
            else
                Pass("notification secret", "is accepted by the running site");
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            _lines.Add(new("notification secret", "warn", $"the site at {s.SiteUrl} does not answer", "start `geodr serve`"));
        }
    }

    private void Pass(string name, string detail) => _lines.Add(new(name, "pass", detail, null));

    private void Fail(string name, string detail, string mend) => _lines.Add(new(name, "fail", detail, mend));
}
