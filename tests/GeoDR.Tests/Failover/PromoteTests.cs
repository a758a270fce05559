using System.Net;
using System.Net.Http.Json;
using GeoDR.Lab;
using GeoDR.Tests.Secrets;

namespace GeoDR.Tests.Failover;

/// <summary>The primary is lost, a secondary takes over, the other follows it, and the old primary comes home.</summary>
public sealed class PromoteTests
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(40);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task LostPrimary_IsReplaced_AndComesHomeWithoutOverwriting()
    {
        await using var sites = await SiteGroup.StartAsync(new() { WorkerProcesses = 1 }, Stop);
        var (berlin, madrid, paris) = (sites["berlin"], sites["madrid"], sites["paris"]);
        var before = await berlin.Pusher.PushAsync("app/web", "v1", ImageSpec.Random(ImageKind.Oci, 1), Stop);
        await SiteGroup.ArrivesAsync(madrid, before, s_deadline, Stop);
        await SiteGroup.ArrivesAsync(paris, before, s_deadline, Stop);

        // Nobody hears of what is pushed last.
        berlin.Geo.Kill();
        var lost = await berlin.Pusher.PushAsync("app/web", "v2", ImageSpec.Random(ImageKind.Oci, 2), Stop);
        await berlin.KillAsync();
        Assert.NotEqual(0, (await madrid.Geo.RunAsync("promote")).ExitCode);
        Assert.NotEqual(0, (await madrid.Geo.RunAsync("promote", "--yes", "--planned", "--unplanned")).ExitCode);
        var planned = await madrid.Geo.RunAsync("promote", "--yes", "--planned");
        Assert.Equal((1, true), (planned.ExitCode, planned.Error.Contains("berlin does not answer: nobody can hand over", StringComparison.Ordinal)));
        var dry = (await madrid.Geo.RunAsync("promote", "--dry-run")).EnsureSuccess();
        Assert.Contains("berlin does not answer", dry.Error, StringComparison.Ordinal);
        var promoted = (await madrid.Geo.RunAsync("promote", "--yes")).EnsureSuccess();
        Assert.Contains("madrid is the primary in epoch 2", promoted.Error, StringComparison.Ordinal);
        Assert.Contains("GeoDR was notified of it", promoted.Error, StringComparison.Ordinal);
        await SiteGroup.IsPrimaryAsync(madrid, s_deadline, Stop);
        Assert.Contains("already", (await madrid.Geo.RunAsync("promote", "--yes")).EnsureSuccess().Error, StringComparison.Ordinal);

        // The other site follows it, without a word from anybody.
        var after = await madrid.Pusher.PushAsync("app/web", "v3", ImageSpec.Random(ImageKind.Oci, 3), Stop);
        await SiteGroup.ArrivesAsync(paris, after, s_deadline, Stop);

        // The old primary hears that it was replaced before it takes anything in.
        await berlin.Postgres.StartAgainAsync(Stop);
        await berlin.Registry.StartAgainAsync(Stop);
        await berlin.Geo.StartServeAsync(cancellationToken: Stop);
        await Wait.UntilAsync(
            async _ => (await berlin.Geo.RunAsync("demote", "--dry-run")).ExitCode == 0, s_deadline, () => berlin.Geo.Serve?.LogTail(30) ?? "", Stop);
        Assert.False(await berlin.Geo.AnswersAsync("/healthz/primary", Stop));
        var moved = await madrid.Pusher.PushAsync("app/web", "v2", ImageSpec.Random(ImageKind.Oci, 4), Stop);
        await DemotedAsync(berlin);
        await SiteGroup.ArrivesAsync(berlin, after, s_deadline, Stop);

        // What only it had stands, until somebody decides.
        await Wait.UntilAsync(
            async _ => (await madrid.Geo.RunAsync("divergent", "list")).Output.Contains("v2", StringComparison.Ordinal), s_deadline,
            () => berlin.Geo.Serve?.LogTail(30) ?? "", Stop);
        Assert.Equal(lost.Digest, await berlin.Client.ResolveAsync("app/web", "v2", Stop));
        (await madrid.Geo.RunAsync("divergent", "aside", "--repository", "app/web", "--tag", "v2")).EnsureSuccess();
        await SiteGroup.ArrivesAsync(berlin, moved, s_deadline, Stop);
        var aside = lost with { Tag = $"v2-berlin-{lost.Digest[7..15]}" };
        foreach (var site in sites.Sites)
        {
            await SiteGroup.ArrivesAsync(site, aside, s_deadline, Stop);
        }

        await UndoneAsync(berlin, madrid);
        await NoSecretIsToldAsync(sites);
    }

    private static async Task NoSecretIsToldAsync(SiteGroup sites)
    {
        var search = new SecretSearch();
        search.Use("the notification secret", sites["berlin"].Geo.Settings["Geo__Notifications__Secrets__0"]);
        search.UseKey("the token key", sites["berlin"].Geo.Settings["Geo__Tokens__KeyFile"]);
        foreach (var site in sites.Sites)
        {
            search.UseKey($"{site.Name}'s key", site.Geo.Settings["Geo__Site__KeyFile"]);
            search.Look($"{site.Name}'s reports", (await site.Geo.RunAsync("reports", "--json")).EnsureSuccess().Output);
            await search.LookAtAsync(site, Stop);
        }
        Assert.Empty(search.Found);
    }

    private static async Task DemotedAsync(Site berlin)
    {
        var token = (await berlin.Geo.RunAsync("apitoken", "new", "demotion", "--role", "admin")).EnsureSuccess().Output.Trim();
        using var http = new HttpClient { BaseAddress = berlin.Geo.Url, DefaultRequestHeaders = { Authorization = new("Bearer", token) } };
        Assert.Equal(HttpStatusCode.BadRequest, (await http.PostAsJsonAsync("/api/v1/demote", new { name = "madrid" }, Stop)).StatusCode);
        using var demoted = await http.PostAsJsonAsync("/api/v1/demote", new { name = "berlin" }, Stop);
        Assert.Equal("""{"site":"berlin","primary":"madrid","epoch":2}""", await demoted.Content.ReadAsStringAsync(Stop));
        Assert.Contains("already", (await berlin.Geo.RunAsync("demote", "--yes")).EnsureSuccess().Error, StringComparison.Ordinal);
    }

    /// <summary>A primary that has nothing to fence its clients with hands nothing over, and nothing has changed.</summary>
    private static async Task UndoneAsync(Site berlin, Site madrid)
    {
        var token = (await berlin.Geo.RunAsync("apitoken", "new", "failover", "--role", "admin")).EnsureSuccess().Output.Trim();
        using var http = new HttpClient { BaseAddress = berlin.Geo.Url, DefaultRequestHeaders = { Authorization = new("Bearer", token) } };
        Assert.Equal(HttpStatusCode.BadRequest, (await http.PostAsJsonAsync("/api/v1/promote", new { name = "madrid" }, Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await http.PostAsJsonAsync("/api/v1/promote", new { name = "berlin", planned = true, unplanned = true }, Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.Accepted, (await http.PostAsJsonAsync("/api/v1/promote", new { name = "berlin" }, Stop)).StatusCode);
        await Wait.UntilAsync(
            async cancel => (await http.GetStringAsync("/api/v1/reports", cancel)).Contains("\"undone\"", StringComparison.Ordinal), s_deadline, () => berlin.Geo.Serve?.LogTail(30) ?? "", Stop);
        Assert.Contains("nothing fences clients here", await http.GetStringAsync("/api/v1/reports", Stop), StringComparison.Ordinal);
        await SiteGroup.IsPrimaryAsync(madrid, s_deadline, Stop);
    }
}
