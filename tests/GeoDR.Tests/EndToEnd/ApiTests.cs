using System.Net;
using System.Net.Http.Json;
using GeoDR.Lab;

namespace GeoDR.Tests.EndToEnd;

/// <summary>The API with the dashboard's session, at a running secondary.</summary>
public sealed partial class ApiTests(ApiTests.Fixture fixture) : IClassFixture<ApiTests.Fixture>
{
    public sealed class Fixture : IAsyncLifetime
    {
        public TwoSites Sites { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Sites = await TwoSites.StartAsync(new()
        {
            Configure = site => site.Set("SignIn:Header", "X-Auth-User").Set("SignIn:GroupsHeader", "X-Auth-Groups").Set("SignIn:TrustedProxies", TrustedProxy)
                .Set("SignIn:Viewer", "lookers").Set("SignIn:Operator", "doers").Set("SignIn:Admin", "chiefs"),
        });

        public ValueTask DisposeAsync() => Sites.DisposeAsync();
    }

    private readonly TwoSites _sites = fixture.Sites;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("GET", "/api/v1/status")]
    [InlineData("GET", "/api/v1/repositories")]
    [InlineData("POST", "/api/v1/pause")]
    [InlineData("POST", "/api/v1/repositories/resync")]
    [InlineData("GET", "/api/v1/quarantine/1")]
    [InlineData("POST", "/api/v1/quarantine/1/replay")]
    [InlineData("DELETE", "/api/v1/quarantine/1")]
    [InlineData("GET", "/api/v1/loss")]
    [InlineData("GET", "/api/v1/events")]
    [InlineData("POST", "/api/v1/failures/retry")]
    [InlineData("POST", "/api/v1/repositories/reverify")]
    [InlineData("GET", "/api/v1/schedules")]
    [InlineData("POST", "/api/v1/schedules/reconcile/run")]
    [InlineData("POST", "/api/v1/repositories/1/reverify")]
    public async Task Api_WithoutASession_Is401AndNoRedirect(string method, string path)
    {
        using var http = Client();
        using var response = await http.SendAsync(new HttpRequestMessage(new HttpMethod(method), path) { Content = JsonContent.Create(new { all = true }) }, Stop);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    [Fact]
    public async Task Api_WithASession_ShowsRowsAndTakesResyncs()
    {
        var image = await _sites.Primary.Pusher.PushAsync("api/one", "v1", ImageSpec.Random(ImageKind.Oci, 700), Stop);
        await _sites.WaitForArrivalAsync(image, TimeSpan.FromSeconds(30), Stop);
        using var http = await SignedInAsync();
        await Wait.UntilAsync(
            async token => (await http.GetStringAsync("/api/v1/repositories?state=synced&search=api/", token)).Contains("\"name\":\"api/one\"", StringComparison.Ordinal),
            TimeSpan.FromSeconds(20), () => "api/one is not shown as synced", Stop);
        using var empty = await http.PostAsJsonAsync("/api/v1/repositories/resync", new { }, Stop);
        Assert.Equal(HttpStatusCode.BadRequest, empty.StatusCode);
        using var all = await http.PostAsJsonAsync("/api/v1/repositories/resync", new { all = true }, Stop);
        Assert.Equal(HttpStatusCode.Accepted, all.StatusCode);
        var location = all.Headers.Location!.ToString();
        await Wait.UntilAsync(
            async token => (await http.GetStringAsync(location, token)).Contains("\"status\":\"done\"", StringComparison.Ordinal),
            TimeSpan.FromSeconds(20), () => "the request is not done", Stop);

        using var checks = await http.PostAsJsonAsync("/api/v1/repositories/reverify", new { all = true, deep = true }, Stop);
        location = checks.Headers.Location!.ToString();
        await Wait.UntilAsync(
            async token => (await http.GetStringAsync(location, token)).Contains("\"status\":\"done\"", StringComparison.Ordinal),
            TimeSpan.FromSeconds(30), () => "the checks are not done", Stop);
        Assert.Equal(HttpStatusCode.NotFound, (await http.DeleteAsync(location, Stop)).StatusCode);
    }

    [Theory]
    [InlineData("repositories/reverify", "{}", HttpStatusCode.BadRequest)]
    [InlineData("repositories/reverify", "{\"all\":true,\"search\":\"x\"}", HttpStatusCode.BadRequest)]
    [InlineData("repositories/reverify", "{\"state\":\"7\"}", HttpStatusCode.BadRequest)]
    [InlineData("repositories/reverify", "{\"all\":\"yes\"}", HttpStatusCode.BadRequest)]
    [InlineData("repositories/reverify", "{\"search\":\"\\u0000\"}", HttpStatusCode.BadRequest)]
    [InlineData("repositories/reverify", "{\"verification\":\"neither\"}", HttpStatusCode.BadRequest)]
    [InlineData("repositories/resync", "{\"verification\":\"neither\"}", HttpStatusCode.BadRequest)]
    [InlineData("repositories/resync", "{\"all\":true,\"cause\":\"denied\"}", HttpStatusCode.BadRequest)]
    [InlineData("repositories/resync", "{\"cause\":\"no such cause\",\"verification\":\"failed\"}", HttpStatusCode.Accepted)]
    [InlineData("repositories/reverify", "{\"search\":\"no such\\u0000 name\",\"deep\":true}", HttpStatusCode.Accepted)]
    [InlineData("repositories/987654321/reverify?deep=true", "{}", HttpStatusCode.NotFound)]
    public async Task Api_WorkOnMany_TakesAFilterAndNoEmptyOne(string path, string body, HttpStatusCode answer)
    {
        using var http = await SignedInAsync();
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using var response = await http.PostAsync($"/api/v1/{path}", content, Stop);
        Assert.Equal(answer, response.StatusCode);
    }

    [Fact]
    public async Task Api_WriteFromAnotherOrigin_IsRefused()
    {
        using var http = await SignedInAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/resume");
        request.Headers.Add("Origin", "https://elsewhere.example");
        using var response = await http.SendAsync(request, Stop);
        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
    }

    [Fact]
    public async Task ApiToken_OfAViewer_ReadsAndMayNotWrite()
    {
        var made = (await _sites.Secondary.Geo.RunAsync("apitoken", "new", "reader")).EnsureSuccess();
        using var http = Client();
        http.DefaultRequestHeaders.Authorization = new("Bearer", made.Output.Trim());
        using var read = await http.GetAsync("/api/v1/status", Stop);
        using var described = await http.GetAsync("/openapi/v1.json", Stop);
        using var write = await http.PostAsync("/api/v1/pause", null, Stop);
        using var replay = await http.PostAsync("/api/v1/quarantine/1/replay", null, Stop);
        using var retry = await http.PostAsJsonAsync("/api/v1/failures/retry", new { cause = "denied" }, Stop);
        (await _sites.Secondary.Geo.RunAsync("apitoken", "revoke", "reader")).EnsureSuccess();
        using var revoked = await http.GetAsync("/api/v1/status", Stop);
        Assert.Equal(
            [HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.Forbidden, HttpStatusCode.Forbidden, HttpStatusCode.Forbidden, HttpStatusCode.Unauthorized],
            [read.StatusCode, described.StatusCode, write.StatusCode, replay.StatusCode, retry.StatusCode, revoked.StatusCode]);
        Assert.Contains("/api/v1/repositories/resync", await described.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Users_AddedListedChangedAndRemoved_ByVerbs()
    {
        var geo = _sites.Secondary.Geo;
        (await geo.RunAsync("user", "add", "eve", "--role", "viewer")).EnsureSuccess();
        (await geo.RunAsync("user", "role", "eve", "operator")).EnsureSuccess();
        var listed = (await geo.RunAsync("user", "list", "--json")).EnsureSuccess();
        using var users = System.Text.Json.JsonDocument.Parse(listed.Output);
        Assert.Contains(users.RootElement.EnumerateArray(), u => u.GetProperty("name").GetString() == "eve" && u.GetProperty("role").GetString() == "operator");
        (await geo.RunAsync("user", "remove", "eve")).EnsureSuccess();
        Assert.Equal(1, (await geo.RunAsync("user", "remove", "eve")).ExitCode);
        Assert.Equal(2, (await geo.RunAsync("user", "role", "eve", "king")).ExitCode);
    }

    private HttpClient Client(GeoSite? site = null) => new(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = (site ?? _sites.Secondary.Geo).Url };

    /// <summary>With the administrator's session, at the secondary unless another site is named.</summary>
    private async Task<HttpClient> SignedInAsync(GeoSite? site = null)
    {
        var http = await SignInAsync(TwoSites.AdminUser, _sites.AdminPassword, site);
        Assert.NotNull(http);
        return http;
    }
}
