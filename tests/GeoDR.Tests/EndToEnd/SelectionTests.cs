using GeoDR.Lab;
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
