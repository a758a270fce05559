using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using GeoDR.Lab;

namespace GeoDR.Tests.EndToEnd;

/// <summary>Users and API tokens over HTTP: the rules of the command line, and a line in the audit log for each.</summary>
public sealed partial class ApiTests
{
    [Fact]
    public async Task Users_AddedChangedAndRemoved_OverHttp()
    {
        using var http = await SignedInAsync();
        using var added = await http.PostAsJsonAsync("/api/v1/users", new { name = "http-user", role = "viewer" }, Stop);
        var password = (string)(await ReadAsync(added))["password"]!;
        Assert.Equal(HttpStatusCode.Created, added.StatusCode);
        using var user = await SignInAsync("http-user", password);
        Assert.NotNull(user);
        Assert.Equal(HttpStatusCode.OK, (await user.GetAsync("/api/v1/status", Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await user.GetAsync("/api/v1/users", Stop)).StatusCode);
        // A page that is not for a viewer says so, and sends nobody in circles.
        Assert.Equal(HttpStatusCode.Forbidden, (await user.GetAsync("/users", Stop)).StatusCode);

        Assert.Equal(HttpStatusCode.NoContent, (await http.PostAsJsonAsync("/api/v1/users/http-user/role", new { role = "operator" }, Stop)).StatusCode);
        // The session carries what was: it has ended.
        Assert.Equal(HttpStatusCode.Unauthorized, (await user.GetAsync("/api/v1/status", Stop)).StatusCode);
        for (var i = 0; i < 5; i++)
            Assert.Null(await SignInAsync("http-user", "wrong password"));
        Assert.Null(await SignInAsync("http-user", password));
        Assert.Contains((await JsonAsync(http, "/api/v1/users"))["items"]!.AsArray(), u => (string?)u!["name"] == "http-user" && (bool)u["locked"]! && (string?)u["role"] == "operator");
        Assert.Equal(HttpStatusCode.NoContent, (await http.PostAsync("/api/v1/users/http-user/unlock", null, Stop)).StatusCode);
        using (var again = await SignInAsync("http-user", password))
            Assert.NotNull(again);
        using var reset = await http.PostAsJsonAsync("/api/v1/users/http-user/password", new { password = "a password of mine" }, Stop);
        Assert.Null((string?)(await ReadAsync(reset))["password"]);
        using (var mine = await SignInAsync("http-user", "a password of mine"))
            Assert.NotNull(mine);

        (string Method, string Path, object? Body, HttpStatusCode Expected)[] calls =
        [
            ("POST", "users", new { name = "http-user", role = "viewer" }, HttpStatusCode.Conflict),
            ("POST", "users", new { name = "new", role = "king" }, HttpStatusCode.BadRequest),
            ("POST", "users", new { name = "a/b", role = "viewer" }, HttpStatusCode.BadRequest),
            ("POST", "users", new { name = "new", role = "viewer", password = "short" }, HttpStatusCode.BadRequest),
            ("POST", "users/nobody/role", new { role = "viewer" }, HttpStatusCode.NotFound),
            ("POST", "users/http-user/role", new { role = "king" }, HttpStatusCode.BadRequest),
            ("POST", "users/admin/role", new { role = "viewer" }, HttpStatusCode.Conflict),
            ("POST", "users/admin/role", new { role = "viewer", self = true }, HttpStatusCode.Conflict),
            ("DELETE", "users/admin", null, HttpStatusCode.Conflict),
            ("DELETE", "users/admin?self=true", null, HttpStatusCode.Conflict),
            ("DELETE", "users/http-user", null, HttpStatusCode.NoContent),
            ("DELETE", "users/http-user", null, HttpStatusCode.NotFound),
        ];
        foreach (var call in calls)
        {
            using var request = new HttpRequestMessage(new(call.Method), $"/api/v1/{call.Path}") { Content = call.Body is null ? null : JsonContent.Create(call.Body) };
            using var answer = await http.SendAsync(request, Stop);
            Assert.Equal((call.Expected, call.Path), (answer.StatusCode, call.Path));
        }
        Assert.Equal(1, (await _sites.Secondary.Geo.RunAsync("user", "remove", "admin")).ExitCode);
        Assert.Equal(1, (await _sites.Secondary.Geo.RunAsync("user", "role", "admin", "viewer")).ExitCode);

        var lines = await AuditAsync(http, "who=admin");
        Assert.Equal(
            ["user added viewer", "user role operator", "user unlocked ", "user password ", "user removed "],
            lines.Where(l => (string?)l["reference"] == "http-user").Reverse().Select(l => $"{l["what"]} {l["detail"]}"));
        Assert.All(lines.Where(l => (string?)l["reference"] == "http-user"), l => Assert.Equal("127.0.0.1", (string?)l["address"]));
        Assert.Contains(lines, l => (string?)l["what"] == "signed in");
        Assert.DoesNotContain(password, await http.GetStringAsync("/api/v1/audit?limit=1000", Stop), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tokens_MadeShownOnceAndRevoked_OverHttp()
    {
        using var http = await SignedInAsync();
        using var made = await http.PostAsJsonAsync("/api/v1/tokens", new { name = "http-token", role = "viewer", lifetime = "1d" }, Stop);
        var token = (string)(await ReadAsync(made))["token"]!;
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        using var script = Client();
        script.DefaultRequestHeaders.Authorization = new("Bearer", token);
        Assert.Equal(HttpStatusCode.OK, (await script.GetAsync("/api/v1/status", Stop)).StatusCode);
        var listed = await http.GetStringAsync("/api/v1/tokens", Stop);
        Assert.Contains("http-token", listed, StringComparison.Ordinal);
        Assert.DoesNotContain(token, listed + await http.GetStringAsync("/api/v1/audit?limit=1000", Stop), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Conflict, (await http.PostAsJsonAsync("/api/v1/tokens", new { name = "http-token", role = "viewer" }, Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await http.PostAsJsonAsync("/api/v1/tokens", new { name = "other", role = "viewer", lifetime = "soon" }, Stop)).StatusCode);

        await _sites.Secondary.Postgres.ExecuteAsync("update api_token set expires_at = clock_timestamp() - interval '1 s' where name = 'http-token'", Site.Database, Stop);
        Assert.Equal(HttpStatusCode.Unauthorized, (await script.GetAsync("/api/v1/status", Stop)).StatusCode);
        await RefusedAsync(http, "token http-token", "refused: expired API token");
        Assert.Equal(HttpStatusCode.NoContent, (await http.DeleteAsync("/api/v1/tokens/http-token", Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await http.DeleteAsync("/api/v1/tokens/http-token", Stop)).StatusCode);
        Assert.Equal(["API token made", "API token revoked"], (await AuditAsync(http, "who=admin")).Where(l => (string?)l["reference"] == "http-token").Reverse().Select(l => (string?)l["what"]));
    }

    [Fact]
    public async Task InviteAndFence_OverHttp_AreAskedForTheSitesName()
    {
        using var http = await SignedInAsync(_sites.Primary.Geo);
        using var invited = await http.PostAsJsonAsync("/api/v1/sites/invite", new { site = "lisbon", mayPromote = true }, Stop);
        var answer = await ReadAsync(invited);
        Assert.StartsWith("geodr site join geodr-invitation-1-", (string?)answer["command"], StringComparison.Ordinal);
        foreach (var (body, expected) in new (object, HttpStatusCode)[] { (new { }, HttpStatusCode.BadRequest), (new { site = "berlin" }, HttpStatusCode.BadRequest), (new { site = "a b" }, HttpStatusCode.BadRequest), (new { site = "madrid" }, HttpStatusCode.Conflict) })
        {
            using var refused = await http.PostAsJsonAsync("/api/v1/sites/invite", body, Stop);
            Assert.Equal(expected, refused.StatusCode);
        }
        using var secondary = await SignedInAsync();
        Assert.Equal(HttpStatusCode.Conflict, (await secondary.PostAsJsonAsync("/api/v1/sites/invite", new { site = "lisbon" }, Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, (await secondary.PostAsJsonAsync("/api/v1/fence", new { name = "madrid" }, Stop)).StatusCode);

        Assert.Equal(HttpStatusCode.BadRequest, (await http.PostAsJsonAsync("/api/v1/fence", new { name = "madrid" }, Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await http.PostAsJsonAsync("/api/v1/fence", new { name = "berlin" }, Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await http.GetAsync("/healthz/primary", Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await http.PostAsJsonAsync("/api/v1/unfence", new { name = "berlin" }, Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/healthz/primary", Stop)).StatusCode);
        (await _sites.Primary.Geo.RunAsync("fence")).EnsureSuccess();
        (await _sites.Primary.Geo.RunAsync("unfence")).EnsureSuccess();
        var lines = (await AuditAsync(http, "")).Where(l => (string?)l["what"] is "fenced" or "unfenced" or "invited").Reverse().Select(l => $"{l["who"]} {l["what"]} {l["address"]}");
        var machine = Environment.MachineName;
        Assert.Equal(["admin invited 127.0.0.1", "admin fenced 127.0.0.1", "admin unfenced 127.0.0.1", $"{Environment.UserName} fenced {machine}", $"{Environment.UserName} unfenced {machine}"], lines);
        Assert.DoesNotContain((string)answer["invitation"]!, await http.GetStringAsync("/api/v1/audit?limit=1000", Stop), StringComparison.Ordinal);
    }

    private static async Task<JsonNode> ReadAsync(HttpResponseMessage answer) => JsonNode.Parse(await answer.Content.ReadAsStringAsync(Stop))!;

    private static async Task<IReadOnlyList<JsonNode>> AuditAsync(HttpClient http, string query) =>
        [.. (await JsonAsync(http, $"/api/v1/audit?limit=1000&{query}"))["items"]!.AsArray().Select(l => l!)];
}
