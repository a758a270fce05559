using System.Net;
using System.Text.Json.Nodes;
using GeoDR.Lab;

namespace GeoDR.Tests.EndToEnd;

/// <summary>What the pages list, over HTTP and from a shell.</summary>
public sealed partial class ApiTests
{
    [Fact]
    public async Task OneRepository_PausedAndResumed_ShowsItsTagsAtBothSites()
    {
        var first = await _sites.Primary.Pusher.PushAsync("lists/one", "v1", ImageSpec.Random(ImageKind.Oci, 710), Stop);
        await _sites.WaitForArrivalAsync(first, TimeSpan.FromSeconds(30), Stop);
        using var http = await SignedInAsync();
        var id = (long)(await JsonAsync(http, "/api/v1/repositories?name=lists/one"))["items"]![0]!["id"]!;
        Assert.Equal(HttpStatusCode.NoContent, (await http.PostAsync($"/api/v1/repositories/{id}/pause", null, Stop)).StatusCode);
        var second = await _sites.Primary.Pusher.PushAsync("lists/one", "v2", ImageSpec.Random(ImageKind.Oci, 711), Stop);
        var other = await _sites.Primary.Pusher.PushAsync("lists/other", "v1", ImageSpec.Random(ImageKind.Oci, 712), Stop);
        await _sites.WaitForArrivalAsync(other, TimeSpan.FromSeconds(30), Stop);

        JsonNode tags = new JsonObject();
        await Wait.UntilAsync(
            async _ => (string?)(tags = await JsonAsync(http, $"/api/v1/repositories/{id}/tags"))["items"]![0]!["state"] == "only at the primary",
            TimeSpan.FromSeconds(20), () => tags.ToJsonString(), Stop);
        Assert.Equal(("v2", second.Digest, 2, 1), ((string?)tags["items"]![0]!["tag"], (string?)tags["items"]![0]!["atPrimary"], (int)tags["total"]!, (int)tags["differences"]!));
        Assert.Equal(("v1", first.Digest, first.Digest, "same"), (
            (string?)tags["items"]![1]!["tag"], (string?)tags["items"]![1]!["here"], (string?)tags["items"]![1]!["atPrimary"], (string?)tags["items"]![1]!["state"]));
        // Its counts are a second or two old.
        await Wait.UntilAsync(
            async _ => (await JsonAsync(http, "/api/v1/status"))["reasons"]!.AsArray().Any(r => ((string)r!).Contains("holds the sync of 1 repository", StringComparison.Ordinal)),
            TimeSpan.FromSeconds(20), () => "the status does not say that a repository is paused", Stop);
        Assert.Null(await _sites.Secondary.Client.ResolveAsync("lists/one", "v2", Stop));

        (await _sites.Secondary.Geo.RunAsync("repository", "resume", "lists/one")).EnsureSuccess();
        await _sites.WaitForArrivalAsync(second, TimeSpan.FromSeconds(30), Stop);
        Assert.Equal(["resumed", "paused"], (await JsonAsync(http, "/api/v1/audit?repository=lists/one"))["items"]!.AsArray().Select(a => (string?)a!["what"]));
        Assert.Equal(HttpStatusCode.NotFound, (await http.PostAsync("/api/v1/repositories/987654321/pause", null, Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync("/api/v1/repositories/987654321/tags", Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await http.GetAsync($"/api/v1/repositories/{id}/tags?limit=0", Stop)).StatusCode);
        Assert.Empty((await JsonAsync(http, $"/api/v1/repositories/{id}/events"))["items"]!.AsArray());
    }

    [Fact]
    public async Task Repositories_InEveryOrder_ArePagedByCursor_AndAMadeUpOneIsRefused()
    {
        await _sites.Secondary.Postgres.ExecuteAsync("""
            insert into repository (name, state, paused, last_synced_at, pending_since, retry_at)
            select 'cursor/' || i, 3, true, now() - make_interval(hours => i % 3), null, case when i % 2 = 0 then 'infinity'::timestamptz end from generate_series(1, 9) i;
            insert into failure (repository_id, reference, kind, cause, message) select id, 'v1', 'terminal', 'immutable tag', 'no' from repository where name like 'cursor/%'
            """, Site.Database, Stop);
        using var http = await SignedInAsync();
        const string filter = "search=cursor/&state=failed&cause=immutable%20tag&paused=true";
        string? next = null;
        foreach (var sort in new[] { "name", "-name", "lastSynced", "-lastSynced", "waiting", "-waiting", "nextTry", "-nextTry" })
        {
            var names = new List<string>();
            for (var url = $"/api/v1/repositories?limit=4&sort={sort}&{filter}"; url is not null; url = next is null ? null : $"/api/v1/repositories?limit=4&sort={sort}&{filter}&after={next}")
            {
                var page = await JsonAsync(http, url);
                names.AddRange(page["items"]!.AsArray().Select(r => (string)r!["name"]!));
                next = (string?)page["next"] ?? next;
                if (page["next"] is null)
                    break;
            }
            Assert.Equal((9, 9), (names.Count, names.Distinct().Count()));
        }

        foreach (var wrong in new[] { $"after={next}&sort=name", "after=made-up", "after=", "after=bmFtZSA3IA", "sort=size", "verification=neither", "state=neither", "paused=maybe", "limit=0" })
            Assert.Equal((wrong, HttpStatusCode.BadRequest), (wrong, (await http.GetAsync($"/api/v1/repositories?{wrong}", Stop)).StatusCode));
        Assert.Equal(2, (await _sites.Secondary.Geo.RunAsync("resync", "--all", "--search", "cursor/")).ExitCode);
        Assert.Equal(2, (await _sites.Secondary.Geo.RunAsync("verify", "--verification", "neither")).ExitCode);
        var asked = (await _sites.Secondary.Geo.RunAsync("resync", "--search", "cursor/", "--state", "failed", "--cause", "immutable tag", "--paused")).EnsureSuccess();
        var id = System.Text.RegularExpressions.Regex.Match(asked.Error, @"Request (\d+)").Groups[1].Value;
        await Wait.UntilAsync(
            async _ => (string?)(await JsonAsync(http, $"/api/v1/requests/{id}"))["status"] == "done", TimeSpan.FromSeconds(20), () => "the request is not done", Stop);
        Assert.Equal(9, (int)(await JsonAsync(http, $"/api/v1/requests/{id}"))["marked"]!);
        Assert.Empty((await JsonAsync(http, $"/api/v1/repositories?{filter}"))["items"]!.AsArray());
        // A repository that waits for its first sync is not checked before it: nobody may wait for that here.
        await _sites.Secondary.Postgres.ExecuteAsync("delete from repository where name like 'cursor/%'", Site.Database, Stop);
        Assert.Equal(1, (await _sites.Secondary.Geo.RunAsync("verify", "--search", "cursor/")).ExitCode);
    }

    [Theory]
    [InlineData("/?after=abc&state=neither&search=%00&verification=9&sort=size")]
    [InlineData("/?before=end&sort=-lastSynced&cause=none")]
    [InlineData("/audit?before=abc&repository=%00")]
    [InlineData("/events?before=99999999999999999999&kind=neither&repository=%00")]
    [InlineData("/charts?range=year")]
    public async Task Page_WithAnAddressThatMeansNothing_ShowsWhatItShowsWithoutIt(string address)
    {
        using var http = await SignedInAsync();
        using var page = await http.GetAsync(address, Stop);
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
    }

    [Fact]
    public async Task Lists_SayTheSame_OverHttpAndFromAShell()
    {
        using var http = await SignedInAsync();
        foreach (var (path, verb) in new[] { ("settings", "settings --json"), ("failures", "failures --json"), ("workers", "workers --json") })
        {
            var shell = JsonNode.Parse((await _sites.Secondary.Geo.RunAsync(verb.Split(' '))).EnsureSuccess().Output)!.AsArray();
            Assert.Equal(shell.Count, (await JsonAsync(http, $"/api/v1/{path}"))["items"]!.AsArray().Count);
        }

        var sites = (await JsonAsync(http, "/api/v1/sites"))["items"]!.AsArray();
        // Other tests of this class may have made others known.
        Assert.Equal(["berlin primary", "madrid secondary"], sites.Take(2).Select(s => $"{s!["name"]} {s["role"]}"));
        Assert.Contains("madrid (freshest)", (await _sites.Secondary.Geo.RunAsync("site", "list")).EnsureSuccess().Output, StringComparison.Ordinal);
        Assert.DoesNotContain(_sites.AdminPassword, await http.GetStringAsync("/api/v1/settings", Stop), StringComparison.Ordinal);
        await Wait.UntilAsync(
            async _ => (await JsonAsync(http, "/api/v1/charts?range=hour"))["samples"]!.AsArray().Count > 0, TimeSpan.FromSeconds(40), () => "no sample is taken", Stop);
        Assert.Contains("Backlog", (await _sites.Secondary.Geo.RunAsync("charts")).EnsureSuccess().Output, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.BadRequest, (await http.GetAsync("/api/v1/charts?range=year", Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await http.GetAsync("/api/v1/events?kind=neither", Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await http.GetAsync("/api/v1/events?kind=push&after=1", Stop)).StatusCode);
        Assert.NotEmpty((await JsonAsync(http, "/api/v1/intake"))["instances"]!.ToJsonString());
    }
}
