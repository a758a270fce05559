using System.Net;
using System.Text.Json;
using GeoDR.Lab;
using Npgsql;

namespace GeoDR.Tests.Failover;

/// <summary>Preflight and drill on a live secondary: they see what is wrong, and leave nothing behind.</summary>
public sealed class ReadinessTests
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(30);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Secondary_IsLookedAtAndDrilled_AndNothingIsLeft()
    {
        await using var sites = await TwoSites.StartAsync(new(), Stop);
        await using var source = NpgsqlDataSource.Create(sites.Secondary.ConnectionString);
        var images = new List<PushedImage>();
        foreach (var name in new[] { "app/one", "app/two", "app/three" })
            images.Add(await sites.Primary.Pusher.PushAsync(name, "v1", ImageSpec.Random(ImageKind.Oci, images.Count + 1, size: 20_000), Stop));
        foreach (var image in images)
            await sites.WaitForArrivalAsync(image, s_deadline, Stop);
        await Wait.UntilAsync(async _ => await ScalarAsync(source, "select count(*) from repository where state = 2") == 3, s_deadline, () => "not synced", Stop);
        var madrid = sites.Secondary.Geo;

        // Neither minds the other.
        var (looking, drilling) = (PreflightAsync(madrid), madrid.RunAsync("drill", "--repositories", "all", "--json"));
        var (code, checks) = await looking;
        Assert.True(code == 0, JsonSerializer.Serialize(checks));
        Assert.All(new[] { "log read", "rows", "loss", "registry", "notifications", "token key", "administrators", "sites", "terms", "settings" }, name => Assert.Equal("pass", checks[name]));

        var drill = (await drilling).EnsureSuccess();
        var report = JsonDocument.Parse(drill.Output).RootElement.GetProperty("report");
        Assert.True(report.GetProperty("passed").GetBoolean());
        Assert.Equal(3, report.GetProperty("pulled").GetProperty("repositories").GetInt64());
        Assert.True(report.GetProperty("recovery").GetProperty("unplanned").GetDouble() > 0);

        Flip(sites.Secondary.Registry.StorageDirectory, images[1].Blobs[^1]);
        var problem = Assert.Single(await DrillByApiAsync(madrid));
        Assert.Equal("app/two", problem.GetProperty("repository").GetString());
        Assert.Contains($"the blob {images[1].Blobs[^1]} is damaged", problem.GetProperty("what").GetString(), StringComparison.Ordinal);

        // Nothing reached the log, the rows or the list of foreign writes, and no other repository came to be.
        Assert.Equal(0, await ScalarAsync(source, "select (select count(*) from event) + (select count(*) from divergent_write) + (select count(*) from quarantine) + (select count(*) from waiting_reference)"));
        Assert.Equal(3, await ScalarAsync(source, "select count(*) from repository"));
        Assert.Equal(["app/one", "app/three", "app/two", "geodr/canary"], (await sites.Secondary.SnapshotAsync(cancellationToken: Stop)).Repositories.Keys.Order(StringComparer.Ordinal));

        sites.Secondary.Registry.Kill();
        madrid.Set("Notifications:Secrets:0", null).Set("Filter:Exclude", "secret/**");
        var promoting = madrid.RunAsync("promote", "--dry-run", "--unplanned");
        (code, checks) = await PreflightAsync(madrid);
        Assert.Equal(1, code);
        Assert.All(new[] { "registry", "notification secrets", "filters" }, name => Assert.Equal("fail", checks[name]));
        var promote = await promoting;
        Assert.Contains("fail  registry", promote.Error, StringComparison.Ordinal);
        Assert.Equal(0, promote.ExitCode);
    }

    private static async Task<(int Code, Dictionary<string, string> Checks)> PreflightAsync(GeoSite site)
    {
        var result = await site.RunAsync("preflight", "--json");
        return (result.ExitCode, JsonDocument.Parse(result.Output).RootElement.GetProperty("checks").EnumerateArray()
            .ToDictionary(c => c.GetProperty("name").GetString()!, c => c.GetProperty("state").GetString()!));
    }

    /// <summary>Asks for a drill, which the site's scheduler runs; the problems of its report.</summary>
    private static async Task<List<JsonElement>> DrillByApiAsync(GeoSite site)
    {
        using var nobody = new HttpClient { BaseAddress = site.Url };
        Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.GetAsync("/api/v1/preflight", Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.PostAsync("/api/v1/drill", null, Stop)).StatusCode);
        var token = (await site.RunAsync("apitoken", "new", "drills", "--role", "operator")).EnsureSuccess().Output.Trim();
        using var http = new HttpClient { BaseAddress = site.Url, DefaultRequestHeaders = { Authorization = new("Bearer", token) } };
        Assert.Equal(HttpStatusCode.Accepted, (await http.PostAsync("/api/v1/drill", null, Stop)).StatusCode);
        var run = default(JsonElement);
        await Wait.UntilAsync(
            async _ =>
            {
                run = JsonDocument.Parse(await http.GetStringAsync("/api/v1/drill?limit=1", Stop)).RootElement.GetProperty("items")[0];
                return run.GetProperty("askedBy").GetString() == "token drills" && run.GetProperty("status").GetString() != "running";
            },
            s_deadline, () => $"{run}\n{site.Serve?.LogTail(30)}", Stop);
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync("/api/v1/drill/999", Stop)).StatusCode);
        return [.. run.GetProperty("report").GetProperty("problems").EnumerateArray()];
    }

    private static void Flip(string storage, string digest)
    {
        var path = Path.Combine(storage, "docker/registry/v2/blobs/sha256", digest[7..9], digest[7..], "data");
        var bytes = File.ReadAllBytes(path);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(path, bytes);
    }

    private static async Task<long> ScalarAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync(Stop))!;
    }
}
