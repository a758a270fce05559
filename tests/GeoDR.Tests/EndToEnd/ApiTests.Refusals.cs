using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using GeoDR.Lab;

namespace GeoDR.Tests.EndToEnd;

/// <summary>What is refused stands in the audit log: who it claimed to be, from where, how often; and no secret of it.</summary>
public sealed partial class ApiTests
{
    [Fact]
    public async Task WhatIsRefused_StandsInTheAuditLog()
    {
        using var http = await SignedInAsync();
        var password = (await _sites.Secondary.Geo.RunAsync("user", "add", "mallory", "--role", "viewer")).EnsureSuccess().Output.Trim();
        using var session = await SignInAsync("mallory", password);

        // A viewer's attempt, a call from another site's page, and a session that has ended.
        Assert.Equal(HttpStatusCode.Forbidden, (await session!.PostAsync("/api/v1/pause", null, Stop)).StatusCode);
        using var foreign = new HttpRequestMessage(HttpMethod.Post, "/api/v1/resume") { Headers = { { "Origin", "https://elsewhere.example" } } };
        Assert.Equal(HttpStatusCode.Forbidden, (await http.SendAsync(foreign, Stop)).StatusCode);
        using var another = await SignedInAsync();
        another.DefaultRequestHeaders.Remove("RequestVerificationToken");
        Assert.Equal(HttpStatusCode.BadRequest, (await another.PostAsync("/api/v1/resume", null, Stop)).StatusCode);
        another.DefaultRequestHeaders.Add("RequestVerificationToken", session.DefaultRequestHeaders.GetValues("RequestVerificationToken"));
        Assert.Equal(HttpStatusCode.BadRequest, (await another.PostAsync("/api/v1/resume", null, Stop)).StatusCode);
        (await _sites.Secondary.Geo.RunAsync("user", "role", "mallory", "operator")).EnsureSuccess();
        Assert.Equal(HttpStatusCode.Unauthorized, (await session.PostAsync("/api/v1/pause", null, Stop)).StatusCode);
        using var forgedSession = Client();
        using var forged = new HttpRequestMessage(HttpMethod.Get, "/failures") { Headers = { { "Cookie", "geodr-session-madrid=CfDJ8forged" } } };
        Assert.Equal(HttpStatusCode.Redirect, (await forgedSession.SendAsync(forged, Stop)).StatusCode);

        // Wrong passwords up to the lock, a name that is nobody's, and a form without its token.
        for (var i = 0; i < 6; i++)
            Assert.Null(await SignInAsync("mallory", "a wrong password"));
        Assert.Null(await SignInAsync("my secret typed into the wrong box", "anything"));
        using var form = new FormUrlEncodedContent(new Dictionary<string, string> { ["name"] = "admin", ["password"] = _sites.AdminPassword });
        using var nobody = Client();
        Assert.Equal(HttpStatusCode.BadRequest, (await nobody.PostAsync("/login", form, Stop)).StatusCode);

        // Tokens and secrets that are none.
        using var wrong = Client();
        wrong.DefaultRequestHeaders.Authorization = new("Bearer", "geodr_0123456789abcdef");
        for (var i = 0; i < 50; i++)
            Assert.Equal(HttpStatusCode.Unauthorized, (await wrong.GetAsync("/api/v1/status", Stop)).StatusCode);
        using var call = new HttpRequestMessage(HttpMethod.Get, "/api/v1/log") { Headers = { { "Authorization", "Bearer no.site.call" } } };
        Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.SendAsync(call, Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await wrong.PostAsJsonAsync("/api/v1/notifications", new { }, Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.GetAsync("/api/v1/status", Stop)).StatusCode);

        foreach (var (who, what) in new[]
        {
            ("mallory", "refused: missing right"), ("admin", "refused: call from another site's page"), ("nobody", "refused: ended or forged session"),
            ("mallory", "refused: locked user"), ("nobody", "refused: forged or expired form"), ("admin", "refused: forged or expired form"), ("nobody", "refused: unknown API token"),
            ("nobody", "refused: call of a site"), ("nobody", "refused: wrong notification secret"), ("nobody", "refused: not signed in"),
        })
            await RefusedAsync(http, who, what);
        var lines = await AuditAsync(http, "refused=true");
        Assert.True(lines.Where(l => (string?)l["what"] == "refused: unknown API token").Sum(l => (int)l["refused"]!) >= 50);
        // Of one kind from one address there is one line a minute, however many there were.
        Assert.All(lines.CountBy(l => ((string?)l["what"], (string?)l["address"], (string?)l["at"])), g => Assert.Equal(1, g.Value));
        var whole = await http.GetStringAsync("/api/v1/audit?limit=1000", Stop) + (await _sites.Secondary.Geo.RunAsync("audit", "--refused")).EnsureSuccess().Output;
        foreach (var secret in new[] { password, "a wrong password", "my secret", "0123456789abcdef", _sites.AdminPassword, "CfDJ8forged" })
            Assert.DoesNotContain(secret, whole, StringComparison.Ordinal);
        // Among several names within one minute none is told, mallory's neither.
        var name = (string)lines[0]["who"]!;
        var shell = JsonNode.Parse((await _sites.Secondary.Geo.RunAsync("audit", "--refused", "--who", name, "--json")).EnsureSuccess().Output)!.AsArray();
        Assert.NotEmpty(shell);
        Assert.All(shell, l => Assert.Equal((name, true), ((string?)l!["who"], (int)l["refused"]! > 0)));
        Assert.Contains("refused: locked user", await http.GetStringAsync("/audit?refused=true", Stop), StringComparison.Ordinal);
    }

    [Fact]
    public async Task EveryWayToAct_WritesWhoAndFromWhere()
    {
        using var http = await SignedInAsync();
        var geo = _sites.Secondary.Geo;
        var image = await _sites.Primary.Pusher.PushAsync("audited/app", "v1", ImageSpec.Random(ImageKind.Oci, 840), Stop);
        await _sites.WaitForArrivalAsync(image, TimeSpan.FromSeconds(30), Stop);
        var id = (long)(await JsonAsync(http, "/api/v1/repositories?name=audited/app"))["items"]![0]!["id"]!;
        foreach (var path in new[] { $"repositories/{id}/resync", $"repositories/{id}/reverify?deep=true", "reconcile", "alerts/test", "pause", "resume", "drill" })
            (await http.PostAsync($"/api/v1/{path}", null, Stop)).EnsureSuccessStatusCode();
        (await http.PostAsJsonAsync("/api/v1/repositories/resync", new { search = "audited/" }, Stop)).EnsureSuccessStatusCode();
        foreach (var verb in new[] { "resync --repository audited/app", "pause", "resume", "schedules run reconcile", "resync --state failed", "user add walter --role viewer", "user remove walter", "apitoken new walters", "apitoken revoke walters" })
            (await geo.RunAsync(verb.Split(' '))).EnsureSuccess();

        var lines = await AuditAsync(http, "");
        foreach (var (who, from, what, on) in new[]
        {
            ("admin", "127.0.0.1", "resync", "audited/app"), ("admin", "127.0.0.1", "reverify", "audited/app"), ("admin", "127.0.0.1", "reconcile", ""), ("admin", "127.0.0.1", "alert test", ""),
            ("admin", "127.0.0.1", "paused", ""), ("admin", "127.0.0.1", "resumed", ""), ("admin", "127.0.0.1", "schedule run", ""), ("admin", "127.0.0.1", "resync", ""),
            (Environment.UserName, Environment.MachineName, "resync", "audited/app"), (Environment.UserName, Environment.MachineName, "paused", ""), (Environment.UserName, Environment.MachineName, "schedule run", ""),
            (Environment.UserName, Environment.MachineName, "resync", ""), (Environment.UserName, Environment.MachineName, "user removed", ""), (Environment.UserName, Environment.MachineName, "API token revoked", ""),
        })
            Assert.True(
                lines.Any(l => ((string?)l["who"], (string?)l["address"], (string?)l["what"], (string?)l["repository"] ?? "") == (who, from, what, on)),
                $"{who} from {from}: {what} {on} is not there");
        // What the program does by itself is nobody's, and from nowhere.
        Assert.All(lines.Where(l => (string?)l["who"] == "geodr"), l => Assert.Null((string?)l["address"]));
    }

    [Fact]
    public async Task UserWithoutAName_AsInAContainer_StandsInTheAuditLogByItsNumber()
    {
        string[] nameless = ["--user", "--map-user=54321"];
        if ((await ManagedProcess.RunAsync("unshare", [.. nameless, "true"], cancellationToken: Stop)).ExitCode != 0)
            Assert.Skip("this machine lets nobody be another user in a namespace");
        using var http = await SignedInAsync();
        (await ManagedProcess.RunAsync(
            "unshare", [.. nameless, GeoProgram.Path, "user", "add", "nameless", "--role", "viewer"], _sites.Secondary.Geo.Settings, cancellationToken: Stop)).EnsureSuccess();
        Assert.Contains(await AuditAsync(http, ""), l => ((string?)l["who"], (string?)l["what"]) == ("uid 54321", "user added"));
        (await _sites.Secondary.Geo.RunAsync("user", "remove", "nameless")).EnsureSuccess();
    }

    /// <summary>Lines come within a second or so. Among several names within one minute none is told.</summary>
    private static Task RefusedAsync(HttpClient http, string who, string what) => Wait.UntilAsync(
        async _ => (await AuditAsync(http, "refused=true")).Any(l => (string?)l["what"] == what && ((string?)l["who"] == who || (string?)l["who"] == "several") && (string?)l["address"] == "127.0.0.1"),
        TimeSpan.FromSeconds(20), () => $"{what} by {who} is not in the audit log", Stop);

    /// <summary>Null where it was refused.</summary>
    private async Task<HttpClient?> SignInAsync(string name, string password, GeoSite? site = null)
    {
        var (session, status, _) = await DashboardSession.TrySignInAsync((site ?? _sites.Secondary.Geo).Url, name, password, Stop);
        Assert.True(session is not null || status == HttpStatusCode.BadRequest, $"{name} was refused with {status}");
        return session?.Http;
    }
}
