using GeoDR.Lab;
using Npgsql;

namespace GeoDR.Tests.Faults;

/// <summary>A registry that was killed while it wrote leaves empty links behind, and answers 500 for them ever after: they are written again.</summary>
[Collection(SpoiltRegistries.Name)]
public sealed class BrokenLinkTests(SpoiltRegistries fixture)
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(40);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Registry_LeftEmptyLinksOfTagAndLayer_AreWrittenAgain()
    {
        var sites = fixture.Sites;
        var image = await sites.Primary.Pusher.PushAsync("broken/link", "v1", ImageSpec.Random(ImageKind.Oci, 300), Stop);
        await sites.WaitForArrivalAsync(image, s_deadline, Stop);
        await using var source = NpgsqlDataSource.Create(sites.Secondary.ConnectionString);
        // The registry shows a tag before the job's outcome is written.
        await Wait.UntilAsync(async token => await IsSyncedAsync(source, token), s_deadline, () => "the row is not synced", Stop);
        await sites.Secondary.Geo.StopAsync();
        var repository = Path.Combine(sites.Secondary.Registry.StorageDirectory, "docker/registry/v2/repositories/broken/link");
        foreach (var link in new[] { "_manifests/tags/v1/current/link", $"_layers/sha256/{image.Blobs[0][7..]}/link" })
        {
            Assert.NotEqual(0, new FileInfo(Path.Combine(repository, link)).Length);
            File.WriteAllText(Path.Combine(repository, link), "");
        }

        await Assert.ThrowsAsync<LabException>(() => sites.Secondary.Client.ResolveAsync("broken/link", "v1", Stop));
        // As after a takeover: what the dead worker was writing is looked at again.
        await using var again = source.CreateCommand("""
            with marked as (update repository set state = 0 where name = 'broken/link' returning id)
            insert into waiting_reference (repository_id, reference, event_id, digest, recheck_at) select id, 'v1', 1, $1, clock_timestamp() from marked
            """);
        again.Parameters.Add(new() { Value = image.Digest });
        await again.ExecuteNonQueryAsync(Stop);
        await sites.Secondary.Geo.StartServeAsync(cancellationToken: Stop);
        await Wait.UntilAsync(
            async token => await ResolvesAsync(sites, token) == image.Digest, s_deadline, () => sites.Secondary.Geo.Serve?.LogTail(30) ?? "", Stop);
        await sites.WaitUntilEqualAsync(s_deadline, cancellationToken: Stop);
        Assert.NotNull(await sites.Secondary.Client.HashBlobAsync("broken/link", image.Blobs[0], Stop));
    }

    private static async Task<bool> IsSyncedAsync(NpgsqlDataSource source, CancellationToken token)
    {
        await using var command = source.CreateCommand("select exists (select from repository where name = 'broken/link' and state = 2)");
        return (bool)(await command.ExecuteScalarAsync(token))!;
    }

    private static async Task<string?> ResolvesAsync(TwoSites sites, CancellationToken token)
    {
        try
        {
            return await sites.Secondary.Client.ResolveAsync("broken/link", "v1", token);
        }
        catch (LabException)
        {
            return null;
        }
    }
}
