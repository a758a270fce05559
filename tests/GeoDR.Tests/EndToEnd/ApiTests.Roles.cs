using System.Net;
using System.Text;
using GeoDR.Lab;

namespace GeoDR.Tests.EndToEnd;

/// <summary>What changes roles and sites is an administrator's, with a body that says what is meant.</summary>
public sealed partial class ApiTests
{
    private const string Twice = """{"site":"paris"}""";

    // Path, body, and the answer to an administrator.
    private static readonly (string Path, string Body, HttpStatusCode Admin)[] s_calls =
    [
        ("promote", "{}", HttpStatusCode.BadRequest),
        ("promote", """{"name":"berlin"}""", HttpStatusCode.BadRequest),
        ("promote", """{"name":7}""", HttpStatusCode.BadRequest),
        ("demote", "{}", HttpStatusCode.BadRequest),
        ("demote", "null", HttpStatusCode.BadRequest),
        ("demote", "{", HttpStatusCode.BadRequest),
        ("demote", """{"name":"berlin"}""", HttpStatusCode.BadRequest),
        ("demote", """{"name":"madrid"}""", HttpStatusCode.Conflict),
        ("term", """{"name":"madrid"}""", HttpStatusCode.BadRequest),
        ("term", """{"name":"madrid","choose":"nobody"}""", HttpStatusCode.Conflict),
        ("sites/revoke", "{}", HttpStatusCode.BadRequest),
        ("sites/revoke", """{"site":"a\u0000b"}""", HttpStatusCode.BadRequest),
        ("sites/revoke", """{"site":"nobody"}""", HttpStatusCode.NotFound),
        ("sites/revoke", """{"site":"madrid"}""", HttpStatusCode.Conflict),
        ("sites/revoke", Twice, HttpStatusCode.OK),
        ("sites/revoke", Twice, HttpStatusCode.OK),
        ("sites/remove", """{"name":"madrid"}""", HttpStatusCode.BadRequest),
        ("sites/remove", """{"site":"rome"}""", HttpStatusCode.BadRequest),
        ("sites/remove", """{"name":"madrid","site":"a\u0000b"}""", HttpStatusCode.BadRequest),
        ("sites/remove", """{"name":"madrid","site":"madrid"}""", HttpStatusCode.Conflict),
        ("sites/remove", """{"name":"madrid","site":"berlin"}""", HttpStatusCode.Conflict),
        ("sites/remove", """{"name":"madrid","site":"rome"}""", HttpStatusCode.OK),
        ("sites/remove", """{"name":"madrid","site":"rome"}""", HttpStatusCode.Conflict),
    ];

    [Fact]
    public async Task RolesAndSites_AreAnAdministratorsAlone()
    {
        await _sites.Secondary.Postgres.ExecuteAsync("insert into known_site (name, may_promote, source) values ('paris', true, 'joined'), ('rome', true, 'joined') on conflict do nothing", Site.Database, Stop);
        var (viewer, @operator, admin) = (await TokenAsync("viewer"), await TokenAsync("operator"), await TokenAsync("admin"));
        foreach (var (path, body, expected) in s_calls)
        {
            Assert.Equal((HttpStatusCode.Unauthorized, path), (await PostAsync(null, path, body), path));
            Assert.Equal((HttpStatusCode.Forbidden, path), (await PostAsync(viewer, path, body), path));
            Assert.Equal((HttpStatusCode.Forbidden, path), (await PostAsync(@operator, path, body), path));
            Assert.Equal((expected, path, body), (await PostAsync(admin, path, body), path, body));
        }
        var listed = (await _sites.Secondary.Geo.RunAsync("audit", "--json")).EnsureSuccess().Output;
        Assert.Contains("token role-admin", listed, StringComparison.Ordinal);
        Assert.NotEqual(0, (await _sites.Secondary.Geo.RunAsync("site", "revoke", "madrid")).ExitCode);
        Assert.NotEqual(0, (await _sites.Secondary.Geo.RunAsync("site", "remove", "madrid", "--yes")).ExitCode);

        // Whoever looks sees what would be done.
        using var http = Client();
        http.DefaultRequestHeaders.Authorization = new("Bearer", viewer);
        Assert.Contains("secondary already", (string?)(await JsonAsync(http, "/api/v1/demote"))["refusal"], StringComparison.Ordinal);
        Assert.Contains((await JsonAsync(http, "/api/v1/sites"))["known"]!.AsArray(), s => (string?)s!["name"] == "paris" && (bool)s["revoked"]!);
        Assert.NotEmpty((await JsonAsync(http, "/api/v1/promote"))["steps"]!.AsArray());
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync($"/api/v1/reports/{Guid.Empty}", Stop)).StatusCode);
    }

    private async Task<string> TokenAsync(string role) =>
        (await _sites.Secondary.Geo.RunAsync("apitoken", "new", $"role-{role}", "--role", role)).EnsureSuccess().Output.Trim();

    private async Task<HttpStatusCode> PostAsync(string? token, string path, string body)
    {
        using var http = Client();
        http.DefaultRequestHeaders.Authorization = token is null ? null : new("Bearer", token);
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await http.PostAsync($"/api/v1/{path}", content, Stop);
        return answer.StatusCode;
    }
}
