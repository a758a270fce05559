using GeoDR.Lab;
using GeoDR.Lab.Registries;
using Npgsql;

namespace GeoDR.Tests.EndToEnd;

/// <summary>Patterns choose what a secondary follows; another choice takes effect at the next start.</summary>
public sealed class SelectionTests
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(30);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Filter_OfRepositoriesAndTags_IsKeptByEventsAndCatalogAlike()
    {
        await using var sites = await TwoSites.StartAsync(
            new()
            {
                CreateAdmin = false,
                Configure = site =>
                {
                    if (site.Name == TwoSites.SecondaryName)
                        site.Set("Filter:Include", "app/**").Set("Filter:Exclude", "app/tmp").Set("Filter:ExcludeTags", "*-rc");
                },
            },
            Stop);
        var taken = await PushAsync(sites, "app/one", "v1", 1);
        var skipped = new[] { await PushAsync(sites, "app/one", "v1-rc", 2), await PushAsync(sites, "app/tmp", "v1", 3), await PushAsync(sites, "other/one", "v1", 4) };
        var marker = await PushAsync(sites, "app/last", "v1", 5);
        foreach (var image in new[] { taken, marker })
            await sites.WaitForArrivalAsync(image, s_deadline, Stop);
        // The catalog knows no more than the events did.
        (await sites.Secondary.Geo.RunAsync("resync", "--all")).EnsureSuccess();
        await SettledAsync(sites, 2);
        foreach (var image in skipped)
            Assert.Null(await sites.Secondary.Client.ResolveAsync(image.Repository, image.Tag!, Stop));

        // Now the other way round: what is followed no longer stays in the registry, untouched.
        await sites.Secondary.Geo.StopAsync();
        sites.Secondary.Geo.Set("Filter:Include", "other/**").Set("Filter:Exclude", null);
        await sites.Secondary.Geo.StartServeAsync(cancellationToken: Stop);
        await sites.WaitForArrivalAsync(skipped[2], s_deadline, Stop);
        await SettledAsync(sites, 1);
        Assert.Equal(taken.Digest, await sites.Secondary.Client.ResolveAsync("app/one", "v1", Stop));
        Assert.Null(await sites.Secondary.Client.ResolveAsync("app/tmp", "v1", Stop));
    }

    [Fact]
    public async Task Filter_ThatIsNoPattern_StopsTheStartWithItsName()
    {
        var result = await GeoProgram.RunAsync(["serve"], new Dictionary<string, string> { ["Geo__Filter__Include"] = "app/[a-z]" }, cancellationToken: Stop);
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("Geo:Filter:Include", result.Error, StringComparison.Ordinal);
        Assert.Contains("app/[a-z]", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Filter_OfNamesAndModes_MapsAndFollowsEachInItsWay()
    {
        await using var sites = await TwoSites.StartAsync(
            new()
            {
                CreateAdmin = false,
                StartServe = false,
                Configure = site =>
                {
                    if (site.Name == TwoSites.SecondaryName)
                        site.Set("Filter:Map", "team/=berlin/team/").Set("Filter:EventOnly", "live/**").Set("Filter:ReconcileOnly", "slow/**");
                },
            },
            Stop);
        // Told long before the secondary begins: only a backfill finds them.
        await sites.Primary.Geo.StartServeAsync(cancellationToken: Stop);
        var early = await PushAsync(sites, "live/one", "early", 11);
        var shared = new LayerSpec(4711, 3000);
        var one = await sites.Primary.Pusher.PushAsync("team/one", "v1", new ImageSpec(ImageKind.Oci, 12, shared), Stop);
        await Wait.UntilAsync(async _ => await EventsAsync(sites) == 2, s_deadline, () => "no events", Stop);
        await using (var primary = NpgsqlDataSource.Create(sites.Primary.ConnectionString))
        await using (var aged = primary.CreateCommand("update event set received_at = received_at - interval '1 hour'"))
            await aged.ExecuteNonQueryAsync(Stop);
        await sites.Secondary.Geo.StartServeAsync(cancellationToken: Stop);
        await ArrivesAsync(sites, "berlin/team/one", one);

        var live = await PushAsync(sites, "live/one", "v1", 13);
        var slow = await PushAsync(sites, "slow/one", "v1", 14);
        var two = await sites.Primary.Pusher.PushAsync("team/two", "v1", new ImageSpec(ImageKind.Oci, 15, shared), Stop);
        var clash = await PushAsync(sites, "berlin/team/mine", "v1", 16);
        await ArrivesAsync(sites, "live/one", live);
        await ArrivesAsync(sites, "berlin/team/two", two);
        Assert.Null(await sites.Secondary.Client.ResolveAsync("live/one", early.Tag!, Stop));
        Assert.Null(await sites.Secondary.Client.ResolveAsync("slow/one", "v1", Stop));

        (await sites.Secondary.Geo.RunAsync("resync", "--all")).EnsureSuccess();
        await ArrivesAsync(sites, "slow/one", slow);
        Assert.Null(await sites.Secondary.Client.ResolveAsync("live/one", early.Tag!, Stop));
        await Wait.UntilAsync(
            async token => await FailureAsync(sites, clash.Repository, token) == "name taken", s_deadline, () => "the clash is not named", Stop);
        Assert.Null(await sites.Secondary.Client.ResolveAsync(clash.Repository, "v1", Stop));
        // Asked for by name it is compared in full, whatever its mode.
        (await sites.Secondary.Geo.RunAsync("resync", "--repository", "live/one")).EnsureSuccess();
        await ArrivesAsync(sites, "live/one", early);
    }

    [Fact]
    public async Task Filter_OfPlatforms_LeavesEntriesOut_WhereTheRegistryAllows()
    {
        await using var target = await LabRegistry.StartAsync();
        await using var sites = await TwoSites.StartAsync(
            new()
            {
                CreateAdmin = false,
                Links = links => Task.FromResult(links with { SecondaryRegistry = target.Url }),
                Configure = site =>
                {
                    if (site.Name == TwoSites.SecondaryName)
                        site.Set("Filter:Platforms", "linux/arm64");
                },
            },
            Stop);
        using var client = new RegistryClient(target.Url);
        target.Switches.SparseIndexes = true;
        var image = await sites.Primary.Pusher.PushAsync("platforms/index", "v1", ImageSpec.Random(ImageKind.OciIndex, 21), Stop);
        await Wait.UntilAsync(
            async token => await client.ResolveAsync("platforms/index", "v1", token) == image.Digest, s_deadline, () => sites.Secondary.Geo.Serve?.LogTail(20) ?? "", Stop);
        var entries = System.Text.Json.Nodes.JsonNode.Parse((await client.GetManifestAsync("platforms/index", "v1", Stop))!.Bytes)!["manifests"]!.AsArray();
        foreach (var entry in entries)
            Assert.Equal((string?)entry!["platform"]!["architecture"] == "arm64", await client.ResolveAsync("platforms/index", (string)entry["digest"]!, Stop) is not null);

        target.Switches.SparseIndexes = false;
        await sites.Primary.Pusher.PushAsync("platforms/refused", "v1", ImageSpec.Random(ImageKind.OciIndex, 22), Stop);
        await Wait.UntilAsync(
            async token => await FailureAsync(sites, "platforms/refused", token) == "platform left out", s_deadline, () => sites.Secondary.Geo.Serve?.LogTail(20) ?? "", Stop);
        Assert.Null(await client.ResolveAsync("platforms/refused", "v1", Stop));
    }

    [Theory]
    [InlineData("Map", "team=berlin")]
    [InlineData("Map", "a/=x/,b/=x/y/")]
    [InlineData("Map", "../=x/")]
    [InlineData("Platforms", "amd64")]
    [InlineData("EventOnly", "a b")]
    public async Task Filter_ThatCannotBe_StopsTheStartWithItsName(string key, string value)
    {
        var result = await GeoProgram.RunAsync(["serve"], new Dictionary<string, string> { [$"Geo__Filter__{key}"] = value }, cancellationToken: Stop);
        Assert.Equal(3, result.ExitCode);
        Assert.Contains($"Geo:Filter:{key}", result.Error, StringComparison.Ordinal);
    }

    private static Task ArrivesAsync(TwoSites sites, string repository, PushedImage image) => Wait.UntilAsync(
        async token => await sites.Secondary.Client.ResolveAsync(repository, image.Tag!, token) == image.Digest, s_deadline,
        () => $"{image} is not at {repository}\n{sites.Secondary.Geo.Serve?.LogTail(30)}", Stop);

    private static async Task<long> EventsAsync(TwoSites sites)
    {
        await using var source = NpgsqlDataSource.Create(sites.Primary.ConnectionString);
        await using var command = source.CreateCommand("select count(*) from event");
        return (long)(await command.ExecuteScalarAsync(Stop))!;
    }

    private static async Task<string?> FailureAsync(TwoSites sites, string repository, CancellationToken token)
    {
        await using var source = NpgsqlDataSource.Create(sites.Secondary.ConnectionString);
        await using var command = source.CreateCommand("select cause from failure f join repository r on r.id = f.repository_id where r.name = $1 and r.state = 3 limit 1");
        command.Parameters.Add(new() { Value = repository });
        return await command.ExecuteScalarAsync(token) as string;
    }

    private static Task<PushedImage> PushAsync(TwoSites sites, string repository, string tag, int seed) =>
        sites.Primary.Pusher.PushAsync(repository, tag, ImageSpec.Random(ImageKind.Oci, 40_000 + seed), Stop);

    private static Task SettledAsync(TwoSites sites, long rows) => Wait.UntilAsync(
        async token =>
        {
            await using var source = NpgsqlDataSource.Create(sites.Secondary.ConnectionString);
            await using var command = source.CreateCommand("""
                select (select count(*) from request where status = 'running') = 0
                    and (select count(*) from repository where state = 2 and full_wanted = full_done) = $1 and (select count(*) from repository) = $1
                """);
            command.Parameters.Add(new() { Value = rows });
            return (bool)(await command.ExecuteScalarAsync(token))!;
        },
        s_deadline, () => $"not {rows} rows, all synced\n{sites.Secondary.Geo.Serve?.LogTail(30)}", Stop);
}
