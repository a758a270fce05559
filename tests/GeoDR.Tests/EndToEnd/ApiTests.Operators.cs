using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using GeoDR.Lab;
using Npgsql;

namespace GeoDR.Tests.EndToEnd;

/// <summary>What operators ask for by verb and by API: the quarantine at the primary, the loss list and more at the secondary.</summary>
public sealed partial class ApiTests
{
    [Fact]
    public async Task Quarantine_WhatAnOlderVersionKept_IsListedShownAndReplayed()
    {
        var geo = _sites.Primary.Geo;
        var image = await _sites.Primary.Pusher.PushAsync("quarantine/app", null, ImageSpec.Random(ImageKind.Oci, 811), Stop);
        await _sites.WaitForArrivalAsync(image, TimeSpan.FromSeconds(30), Stop);
        var good = $$$"""{"events":[{"id":"kept-1","action":"push","target":{"repository":"quarantine/app","mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{{{image.Digest}}}"}}]}""";
        byte[] bad = [.. "not JSON \u001b[2J"u8, 0xff];
        var ids = new[] { await KeepAsync(Encoding.UTF8.GetBytes(good), false), await KeepAsync(bad, false), await KeepAsync("cut off"u8.ToArray(), true) };
        using var http = await SignedInAsync(geo);

        Assert.Equal(ids, JsonNode.Parse((await geo.RunAsync("quarantine", "list", "--json")).EnsureSuccess().Output)!.AsArray().Select(r => (long)r!["id"]!));
        Assert.Equal(good, (await geo.RunAsync("quarantine", "show", $"{ids[0]}")).EnsureSuccess().Output.TrimEnd('\n'));

        var page = await JsonAsync(http, "/api/v1/quarantine?limit=2");
        Assert.Equal((2, ids[1]), (page["items"]!.AsArray().Count, (long)page["next"]!));
        Assert.Equal(good, (string?)(await JsonAsync(http, $"/api/v1/quarantine/{ids[0]}"))["text"]);
        Assert.Equal(bad, Convert.FromBase64String((string)(await JsonAsync(http, $"/api/v1/quarantine/{ids[1]}"))["base64"]!));

        var replayed = (
            await ReplayAsync(http, ids[2]), await ReplayAsync(http, 999_999), await ReplayAsync(http, ids[1]), await ReplayAsync(http, ids[0]), await ReplayAsync(http, ids[0]));
        Assert.Equal((HttpStatusCode.Conflict, HttpStatusCode.NotFound, HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.NotFound), replayed);
        var all = await geo.RunAsync("quarantine", "replay", "--all");
        Assert.Equal(1, all.ExitCode);
        Assert.Contains("only its head was kept", all.Error, StringComparison.Ordinal);
        Assert.Contains($"Drop {ids[2]}", await http.GetStringAsync("/quarantine", Stop), StringComparison.Ordinal);
        using var dropped = await http.DeleteAsync($"/api/v1/quarantine/{ids[2]}", Stop);
        using var gone = await http.DeleteAsync($"/api/v1/quarantine/{ids[2]}", Stop);
        Assert.Equal((HttpStatusCode.NoContent, HttpStatusCode.NotFound), (dropped.StatusCode, gone.StatusCode));
        Assert.Equal((2, 1, 0), ((await geo.RunAsync("quarantine", "drop")).ExitCode, (await geo.RunAsync("quarantine", "drop", $"{ids[2]}")).ExitCode, (await geo.RunAsync("quarantine", "drop", "--all")).ExitCode));
        var audit = (await geo.RunAsync("audit", "--json")).EnsureSuccess().Output;
        Assert.Equal([$"{Environment.UserName} dropped", "admin dropped"], JsonNode.Parse(audit)!.AsArray().Select(a => $"{a!["who"]} {a["what"]}").Where(a => a.EndsWith("dropped", StringComparison.Ordinal)));
        await using var source = NpgsqlDataSource.Create(_sites.Primary.ConnectionString);
        await using var command = source.CreateCommand("select count(*) from event where source_event_id = 'kept-1'");
        Assert.Equal(1L, await command.ExecuteScalarAsync(Stop));
    }

    [Fact]
    public async Task Loss_PushesWhileTheSyncIsHeld_AreListedUntilTheyAreHere()
    {
        var geo = _sites.Secondary.Geo;
        using var http = await SignedInAsync();
        using var paused = await http.PostAsync("/api/v1/pause", null, Stop);
        var images = new List<PushedImage>();
        foreach (var tag in new[] { "v1", "v2", "v3" })
            images.Add(await _sites.Primary.Pusher.PushAsync("loss/app", tag, ImageSpec.Random(ImageKind.Oci, 820 + images.Count), Stop));
        JsonNode loss = null!;
        await Wait.UntilAsync(
            async _ => (loss = await JsonAsync(http, "/api/v1/loss?limit=1000"))["items"]!.AsArray().Count(i => (string?)i!["repository"] == "loss/app") == 3,
            TimeSpan.FromSeconds(20), () => $"not all three are listed: {loss}", Stop);
        Assert.Equal(
            images.Select(i => (i.Tag, i.Digest)).Order(),
            loss["items"]!.AsArray().Where(i => (string?)i!["repository"] == "loss/app").Select(i => ((string?)i!["reference"], (string)i["digest"]!)).Order());
        Assert.All(loss["items"]!.AsArray(), i => Assert.True((long?)i!["bytes"] > 0));
        Assert.Equal(HttpStatusCode.BadRequest, (await http.GetAsync("/api/v1/loss?after=nonsense", Stop)).StatusCode);
        Assert.Contains("pushes would be lost, the oldest", (await geo.RunAsync("loss")).EnsureSuccess().Error, StringComparison.Ordinal);
        // Its counts are a second or two old.
        await Wait.UntilAsync(
            async _ => (long)(await JsonAsync(http, "/api/v1/status"))["loss"]!["pushes"]! >= 3,
            TimeSpan.FromSeconds(20), () => "the status counts fewer than three", Stop);
        Assert.Equal(3, JsonNode.Parse((await geo.RunAsync("loss", "--json")).EnsureSuccess().Output)!["items"]!.AsArray().Count(i => (string?)i!["repository"] == "loss/app"));

        using var resumed = await http.PostAsync("/api/v1/resume", null, Stop);
        await Wait.UntilAsync(
            async _ => (long)(loss = (await JsonAsync(http, "/api/v1/loss"))["summary"]!)["pushes"]! == 0 && (bool)loss["fresh"]!,
            TimeSpan.FromSeconds(20), () => $"something is still listed: {loss}", Stop);
        Assert.Equal(images[2].Digest, await _sites.Secondary.Client.ResolveAsync("loss/app", "v3", Stop));
    }

    [Fact]
    public async Task Lists_ByVerbAndByApi_ShowTheSame()
    {
        var image = await _sites.Primary.Pusher.PushAsync("lists/app", "v1", ImageSpec.Random(ImageKind.Oci, 830), Stop);
        await _sites.WaitForArrivalAsync(image, TimeSpan.FromSeconds(30), Stop);
        using var primary = await SignedInAsync(_sites.Primary.Geo);
        using var secondary = await SignedInAsync();
        var events = JsonNode.Parse((await _sites.Primary.Geo.RunAsync("events", "--after", "0", "--limit", "1000", "--json")).EnsureSuccess().Output)!.AsArray();
        var pushed = Assert.Single(events, e => (string?)e!["repository"] == "lists/app" && (string?)e["tag"] == "v1")!;
        var page = (await JsonAsync(primary, $"/api/v1/events?after={(long)pushed["id"]! - 1}&limit=1"))["items"]!.AsArray();
        Assert.Equal(pushed.ToJsonString(), page.Single()!.ToJsonString());
        Assert.Equal(HttpStatusCode.BadRequest, (await primary.GetAsync("/api/v1/events?limit=0", Stop)).StatusCode);

        var geo = _sites.Secondary.Geo;
        await Wait.UntilAsync(
            async token => (await secondary.GetStringAsync("/api/v1/repositories?name=lists/app", token)).Contains("\"synced\"", StringComparison.Ordinal),
            TimeSpan.FromSeconds(20), () => "lists/app is not shown as synced", Stop);
        Assert.Contains("\"outcome\": \"synced\"", (await geo.RunAsync("attempts", "--repository", "lists/app", "--json")).EnsureSuccess().Output, StringComparison.Ordinal);
        Assert.Single((await JsonAsync(secondary, "/api/v1/workers"))["items"]!.AsArray());
        Assert.Single(JsonNode.Parse((await geo.RunAsync("workers", "--json")).EnsureSuccess().Output)!.AsArray());
        var request = Assert.Single(JsonNode.Parse((await geo.RunAsync("requests", "list", "--json")).EnsureSuccess().Output)!.AsArray(), r => (string?)r!["kind"] == "backfill")!;
        Assert.Equal(1, (await geo.RunAsync("requests", "stop", $"{request["id"]}")).ExitCode);

        await using (var source = NpgsqlDataSource.Create(_sites.Secondary.ConnectionString))
        await using (var command = source.CreateCommand(
            "insert into failure (repository_id, reference, kind, cause, message) select id, 'v1', 'terminal', 'too large', E'413 \\u001b[2J' from repository where name = 'lists/app'"))
            await command.ExecuteNonQueryAsync(Stop);
        Assert.Contains("too large", (await geo.RunAsync("failures")).EnsureSuccess().Output, StringComparison.Ordinal);
        Assert.Contains("\\u001b[2J", (await geo.RunAsync("repository", "show", "lists/app")).EnsureSuccess().Output, StringComparison.Ordinal);
        using var retried = await secondary.PostAsJsonAsync("/api/v1/failures/retry", new { cause = "too large" }, Stop);
        Assert.Equal("{\"marked\":1}", await retried.Content.ReadAsStringAsync(Stop));
        Assert.Equal(2, (await geo.RunAsync("events", "--limit", "0")).ExitCode);
    }

    private static async Task<JsonNode> JsonAsync(HttpClient http, string path) => JsonNode.Parse(await http.GetStringAsync(path, Stop))!;

    private static async Task<HttpStatusCode> ReplayAsync(HttpClient http, long id)
    {
        using var response = await http.PostAsync($"/api/v1/quarantine/{id}/replay", null, Stop);
        return response.StatusCode;
    }

    private async Task<long> KeepAsync(byte[] body, bool truncated)
    {
        await using var source = NpgsqlDataSource.Create(_sites.Primary.ConnectionString);
        await using var command = source.CreateCommand("""
            insert into quarantine (body_hash, body, truncated, problems) values (encode(sha256($1), 'hex'), $1, $2, '{older words}') returning id
            """);
        command.Parameters.AddWithValue(body);
        command.Parameters.AddWithValue(truncated);
        return (long)(await command.ExecuteScalarAsync(Stop))!;
    }
}
