using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using GeoDR.Lab;
using GeoDR.Tests.Secrets;

namespace GeoDR.Tests.Failover;

/// <summary>After much went wrong: no secret that is in use, or was, stands in anything that the program lets out.</summary>
public sealed partial class KeyRotationTests
{
    private static readonly string[] s_pages =
        ["/", "/settings", "/audit", "/alerts", "/failures", "/quarantine", "/sites", "/workers", "/failover", "/drill", "/events", "/schedules", "/deletions", "/divergent", "/charts"];

    [Fact]
    public async Task Secrets_InUse_StandInNoLogAnswerMetricCommandLineOrDump()
    {
        var search = lab.Search;
        var password = lab.Fresh("the administrator's password");
        foreach (var site in lab.Sites.Sites)
            (await site.Geo.RunAsync(["user", "add", "admin", "--role", "admin", "--password-stdin"], password + "\n", Stop)).EnsureSuccess();
        await ArrivesAsync("search/app");
        var misplaced = Guid.NewGuid().ToString("N");
        await GoWrongAsync(password, misplaced);
        // The form gives it back to whoever typed it; nothing else may have it.
        search.Use("a password where the name belongs", misplaced);

        foreach (var site in lab.Sites.Sites)
        {
            using var http = await TokenAsync(site, "search");
            await LookAtApiAsync(site, http);
            using var session = await SignedInAsync(site, "admin", password);
            foreach (var page in s_pages)
                search.Look($"{site.Name} page {page}", await session.GetStringAsync(page, Stop));
            await search.LookAtAsync(site, Stop);
        }
        // What does stand in the log is found there.
        var (plant, log) = (new SecretSearch(), await LogAsync(_madrid));
        plant.Use("planted", LongWord().Match(log).Value);
        plant.Look("log", log);
        Assert.NotEmpty(plant.Found);
        TestContext.Current.TestOutputHelper?.WriteLine(search.Summary);
        Assert.True(search.Secrets >= 20 && search.Places.Count >= 100, search.Summary);
        Assert.True(search.Found.Count == 0, string.Join('\n', search.Found));
    }

    /// <summary>Everything that may quote what it was given.</summary>
    private async Task GoWrongAsync(string password, string misplaced)
    {
        // Requests with what does not count, and a body that looks as if it carried something.
        var wrong = lab.Fresh("a wrong secret");
        Assert.Equal(401, await NotifyAsync(_berlin, wrong));
        var secret = (await File.ReadAllTextAsync(lab.FileOf(_berlin, "secrets"), Stop)).Trim();
        Assert.Equal(200, await NotifyAsync(_berlin, secret, """{"events":"none","request":{"headers":{"Authorization":"Bearer of something else"}}}"""));
        using (var stranger = new HttpClient { BaseAddress = _madrid.Geo.Url, DefaultRequestHeaders = { Authorization = new("Bearer", wrong) } })
            Assert.Equal(401, (int)(await stranger.GetAsync("/api/v1/status", Stop)).StatusCode);
        Assert.Null(await TrySignInAsync(_madrid, "admin", wrong));
        Assert.Null(await TrySignInAsync(_madrid, misplaced, password));

        // Settings that are wrong in themselves, then ones that others refuse.
        string[] inThemselves = ["check", "--json"];
        await SaysNothingAsync("check with malformed settings", inThemselves, new()
        {
            ["Geo__DatabaseFile"] = Put($"Host=127.0.0.1;Passwort={lab.Fresh("a malformed connection string's password")}"), ["Geo__Registry__Passwort"] = lab.Fresh("a misspelt setting"),
            ["Geo__Registry__Url"] = $"http://user:{lab.Search.Use("a URL's password", Guid.NewGuid().ToString("N"))}@127.0.0.1:1", ["Geo__Primary__LogFile"] = Put($"https://user:{lab.Search.Use("a log's password", Guid.NewGuid().ToString("N"))}@127.0.0.1:1"),
            ["Geo__Alerts__Webhook__UrlFile"] = Put($"https://user:{lab.Search.Use("a webhook's password", Guid.NewGuid().ToString("N"))}@127.0.0.1:1"),
        });
        var database = new Npgsql.NpgsqlConnectionStringBuilder(await File.ReadAllTextAsync(lab.FileOf(_madrid, "database"), Stop)) { Password = lab.Fresh("a wrong database password") };
        var refused = new Dictionary<string, string>
        {
            ["Geo__DatabaseFile"] = Put(database.ConnectionString), ["Geo__Primary__LogFile"] = Put(database.ConnectionString), ["Geo__Primary__Registry__PasswordFile"] = Put(lab.Fresh("a wrong registry password")),
        };
        await SaysNothingAsync("check with refused passwords", ["check"], refused);
        await SaysNothingAsync("status with a refused password", ["status"], refused);

        // What an operator runs, with alert targets that nobody reaches.
        foreach (var verb in (string[][])[["settings", "--json"], ["check", "--json"], ["alerts", "test"], ["preflight", "--json"], ["promote", "--dry-run"], ["drill"]])
            await SaysNothingAsync(string.Join(' ', verb), verb, [], succeeds: verb[0] == "settings");
        var fence = await _madrid.Geo.RunAsync(["fence"], null, Stop);
        lab.Search.Look("fence", fence.Output + fence.Error);
        Assert.Contains("there is nothing to do", (await _madrid.Geo.RunAsync(["unfence"], null, Stop)).Error, StringComparison.Ordinal);
        lab.Search.Look("environment and command lines of the fence command", await SecretSearch.ReadAsync(lab.FileOf(_madrid, "fenced"), Stop));

        string Put(string content)
        {
            var file = Keys($"wrong-{Guid.NewGuid():N}");
            File.WriteAllText(file, content + "\n");
            return file;
        }
    }

    private async Task SaysNothingAsync(string what, string[] verb, Dictionary<string, string> settings, bool succeeds = false)
    {
        var environment = new Dictionary<string, string>(_madrid.Geo.Settings);
        foreach (var (key, value) in settings)
            environment[key] = value;
        var result = await GeoProgram.RunAsync(verb, environment, cancellationToken: Stop);
        Assert.NotEmpty(result.Output + result.Error);
        Assert.True(settings.Count == 0 || result.ExitCode != 0, result.Output);
        Assert.True(!succeeds || result.ExitCode == 0, result.Error);
        lab.Search.Look($"geodr {what}", result.Output + result.Error);
    }

    /// <summary>Every GET that the API's description names.</summary>
    private async Task LookAtApiAsync(Site site, HttpClient http)
    {
        var described = await http.GetStringAsync("/openapi/v1.json", Stop);
        lab.Search.Look($"{site.Name} /openapi/v1.json", described);
        var paths = JsonNode.Parse(described)!["paths"]!.AsObject().Where(p => p.Value!["get"] is not null).Select(p => Parameter().Replace(p.Key, "1")).Append("/metrics").ToList();
        var answered = 0;
        foreach (var path in paths)
        {
            using var answer = await http.GetAsync(path, Stop);
            answered += answer.IsSuccessStatusCode ? 1 : 0;
            lab.Search.Look($"{site.Name} GET {path}: {(int)answer.StatusCode}", $"{answer}{await answer.Content.ReadAsStringAsync(Stop)}");
        }
        Assert.True(answered >= 20, $"{answered} of {paths.Count} answered");
    }

    private async Task<HttpClient> SignedInAsync(Site site, string name, string password) =>
        await TrySignInAsync(site, name, password) ?? throw new InvalidOperationException($"{name} may not sign in at {site.Name}");

    private async Task<HttpClient?> TrySignInAsync(Site site, string name, string password)
    {
        var (session, status, answer) = await DashboardSession.TrySignInAsync(site.Geo.Url, name, password, Stop);
        if (session is null)
        {
            lab.Search.Look($"{site.Name} POST /login: {(int)status}", answer);
            return null;
        }
        lab.Search.Use($"{site.Name}'s session of {name}", session.Cookies.GetCookies(site.Geo.Url).First(c => c.Name.StartsWith("geodr-session", StringComparison.Ordinal)).Value);
        return session.Http;
    }

    [GeneratedRegex("[A-Za-z.]{16,}")]
    private static partial Regex LongWord();

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Parameter();
}
