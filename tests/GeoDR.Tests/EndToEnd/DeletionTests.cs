using System.Text.Json;
using GeoDR.Lab;
using Npgsql;

namespace GeoDR.Tests.EndToEnd;

/// <summary>Deletions at the primary's registry, applied at the secondary's: both Debian's, which delete by digest alone.</summary>
public sealed class DeletionTests(DeletionTests.Fixture fixture) : IClassFixture<DeletionTests.Fixture>
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(30);

    public sealed class Fixture : IAsyncLifetime
    {
        public TwoSites Sites { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Sites = await TwoSites.StartAsync(new()
        {
            CreateAdmin = false,
            Configure = site =>
            {
                if (site.Name == TwoSites.SecondaryName)
                    site.Set("Deletion:Quarantine", "none").Set("Deletion:ConfirmAfter", "300ms").Set("Deletion:Brake", "4");
            },
        });

        public ValueTask DisposeAsync() => Sites.DisposeAsync();
    }

    private readonly TwoSites _sites = fixture.Sites;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Deletions_ByEventAndByListing_ABrakeAndAReturn_EndInEqualRegistries()
    {
        var keep = await PushAsync("app/a", "keep", 1);
        var gone = await PushAsync("app/a", "gone", 2);
        var unheard = await PushAsync("app/a", "unheard", 3);
        var mass = new List<PushedImage>();
        for (var i = 0; i < 5; i++)
            mass.Add(await PushAsync("app/mass", $"v{i}", 10 + i));
        var last = await PushAsync("app/mass", "last", 20);
        foreach (var image in new[] { keep, gone, unheard, last }.Concat(mass))
            await _sites.WaitForArrivalAsync(image, s_deadline, Stop);

        // One tag, told by an event; its digest and its tag are two of them.
        Assert.True(await _sites.Primary.Pusher.DeleteAsync("app/a", gone.Digest, Stop));
        await GoneAsync(gone);
        // One that no event told, found by a full sync.
        Directory.Delete(Path.Combine(_sites.Primary.Registry.StorageDirectory, "docker/registry/v2/repositories/app/a/_manifests/tags/unheard"), recursive: true);
        (await _sites.Secondary.Geo.RunAsync("resync", "--repository", "app/a")).EnsureSuccess();
        await GoneAsync(unheard);

        // Another five are more than the brake's four; known all at once, so that none slips through before them.
        (await _sites.Secondary.Geo.RunAsync("pause")).EnsureSuccess();
        foreach (var image in mass)
            Assert.True(await _sites.Primary.Pusher.DeleteAsync("app/mass", image.Digest, Stop));
        await Wait.UntilAsync(
            async token => (await ListAsync(token)).Count(d => d.GetProperty("repository").GetString() == "app/mass") == 10, s_deadline, Described, Stop);
        (await _sites.Secondary.Geo.RunAsync("resume")).EnsureSuccess();
        await Wait.UntilAsync(
            async token => (await ListAsync(token)).Count(d => d.GetProperty("hold").GetString() == "brake" && !d.GetProperty("reference").GetString()!.Contains(':', StringComparison.Ordinal)) == 5,
            s_deadline, Described, Stop);
        Assert.Equal(6, (await _sites.Secondary.Client.ListTagsAsync("app/mass", Stop)).Count);
        var status = await _sites.Secondary.Geo.RunAsync("status", "--json");
        Assert.Contains("the brake holds", status.Output, StringComparison.Ordinal);
        (await _sites.Secondary.Geo.RunAsync("deletions", "release", "--all")).EnsureSuccess();
        foreach (var image in mass)
            await GoneAsync(image);

        // The same image under the same tag again.
        var again = await PushAsync("app/a", "gone", 2);
        await _sites.WaitForArrivalAsync(again, s_deadline, Stop);
        await Wait.UntilAsync(async token => (await ListAsync(token)).Count == 0, s_deadline, Described, Stop);
        await _sites.WaitUntilEqualAsync(s_deadline, cancellationToken: Stop);

        using var audit = JsonDocument.Parse((await _sites.Secondary.Geo.RunAsync("audit", "--json", "--limit", "1000")).EnsureSuccess().Output);
        var deleted = audit.RootElement.EnumerateArray().Where(e => e.GetProperty("what").GetString() == "deleted").ToDictionary(e => e.GetProperty("reference").GetString()!);
        Assert.NotEqual(JsonValueKind.Null, deleted["gone"].GetProperty("eventId").ValueKind);
        Assert.Equal(JsonValueKind.Null, deleted["unheard"].GetProperty("eventId").ValueKind);
        Assert.All(mass, m => Assert.Equal((Environment.UserName, m.Digest), (deleted[m.Tag!].GetProperty("who").GetString(), deleted[m.Tag!].GetProperty("digest").GetString())));
        Assert.DoesNotContain("keep", deleted.Keys);
        // What GeoDR deletes here is its own doing, not somebody's push.
        await using var source = NpgsqlDataSource.Create(_sites.Secondary.ConnectionString);
        await using var divergent = source.CreateCommand("select count(*) from divergent_write");
        Assert.Equal(0L, await divergent.ExecuteScalarAsync(Stop));
    }

    [Fact]
    public async Task Api_ListsAndSays_ByRole()
    {
        await using (var source = NpgsqlDataSource.Create(_sites.Secondary.ConnectionString))
        {
            await using var insert = source.CreateCommand("""
                insert into repository (name, state, full_wanted) values ('api/deletion', 2, 0);
                insert into waiting_deletion (repository_id, reference, event_id, state, next_at) select id, 'v1', 1, 'held', 'infinity' from repository where name = 'api/deletion'
                """);
            await insert.ExecuteNonQueryAsync(Stop);
        }
        using var operates = await ClientAsync("operates", "operator");
        using var views = await ClientAsync("views", "viewer");
        using var list = JsonDocument.Parse(await views.GetStringAsync("/api/v1/deletions?repository=api/deletion", Stop));
        var id = Assert.Single(list.RootElement.GetProperty("items").EnumerateArray()).GetProperty("id").GetInt64();
        Assert.Equal(403, await StatusAsync(views, HttpMethod.Post, $"/api/v1/deletions/{id}/keep"));
        Assert.Equal(204, await StatusAsync(operates, HttpMethod.Post, $"/api/v1/deletions/{id}/keep"));
        Assert.Equal(404, await StatusAsync(operates, HttpMethod.Post, $"/api/v1/deletions/{id + 1000}/release"));
        Assert.Equal(200, await StatusAsync(operates, HttpMethod.Post, "/api/v1/deletions/release"));
        Assert.Equal(400, await StatusAsync(views, HttpMethod.Get, "/api/v1/deletions?state=deleted"));
        Assert.Equal(400, await StatusAsync(views, HttpMethod.Get, "/api/v1/audit?limit=0"));
        using var audit = JsonDocument.Parse(await views.GetStringAsync("/api/v1/audit?repository=api/deletion", Stop));
        var entry = Assert.Single(audit.RootElement.GetProperty("items").EnumerateArray());
        Assert.Equal(("token operates", "kept", "v1"), (entry.GetProperty("who").GetString(), entry.GetProperty("what").GetString(), entry.GetProperty("reference").GetString()));
        Assert.Equal(2, (await _sites.Secondary.Geo.RunAsync("deletions", "release")).ExitCode);
        Assert.Equal(2, (await _sites.Secondary.Geo.RunAsync("deletions", "keep", "--all", "--tag", "v1")).ExitCode);
        Assert.Equal(1, (await _sites.Secondary.Geo.RunAsync("deletions", "keep", "--repository", "api/none")).ExitCode);
        await using var tidy = NpgsqlDataSource.Create(_sites.Secondary.ConnectionString);
        await using var remove = tidy.CreateCommand("delete from repository where name = 'api/deletion'");
        await remove.ExecuteNonQueryAsync(Stop);
    }

    [Fact]
    public async Task Settings_ThatAreWrong_StopTheStart_EachByItsName()
    {
        var result = await GeoProgram.RunAsync(
            ["serve"],
            new Dictionary<string, string> { ["Geo__Deletion__Quarantine"] = "soon", ["Geo__Deletion__Brake"] = "150%", ["Geo__Deletion__ConfirmAfter"] = "0s", ["Geo__Deletion__Breaks"] = "5" },
            cancellationToken: Stop);
        Assert.Equal(3, result.ExitCode);
        foreach (var key in new[] { "Quarantine", "Brake", "ConfirmAfter", "Breaks" })
            Assert.Contains($"Geo:Deletion:{key}", result.Error, StringComparison.Ordinal);
    }

    private Task<PushedImage> PushAsync(string repository, string tag, int seed) =>
        _sites.Primary.Pusher.PushAsync(repository, tag, ImageSpec.Random(ImageKind.Oci, 60_000 + seed), Stop);

    private Task GoneAsync(PushedImage image) => Wait.UntilAsync(
        async token => await _sites.Secondary.Client.ResolveAsync(image.Repository, image.Tag!, token) is null, s_deadline, () => $"{image} is still here\n{Described()}", Stop);

    private async Task<List<JsonElement>> ListAsync(CancellationToken cancel)
    {
        var result = (await _sites.Secondary.Geo.RunAsync(["deletions", "list", "--json"], null, cancel)).EnsureSuccess();
        return [.. JsonDocument.Parse(result.Output).RootElement.EnumerateArray()];
    }

    private string Described()
    {
        using var connection = new NpgsqlConnection(_sites.Secondary.ConnectionString);
        connection.Open();
        using var command = new NpgsqlCommand("select string_agg(concat_ws(' ', reference, event_id, state, hold, reason, missed_at, next_at), E'\\n') from waiting_deletion", connection);
        return $"{command.ExecuteScalar()}\n{_sites.Secondary.Geo.Serve?.LogTail(30)}";
    }

    private async Task<HttpClient> ClientAsync(string name, string role)
    {
        var made = (await _sites.Secondary.Geo.RunAsync("apitoken", "new", name, "--role", role)).EnsureSuccess();
        var http = new HttpClient { BaseAddress = _sites.Secondary.Geo.Url };
        http.DefaultRequestHeaders.Authorization = new("Bearer", made.Output.Trim());
        return http;
    }

    private static async Task<int> StatusAsync(HttpClient http, HttpMethod method, string path)
    {
        using var response = await http.SendAsync(new HttpRequestMessage(method, path), Stop);
        return (int)response.StatusCode;
    }
}
