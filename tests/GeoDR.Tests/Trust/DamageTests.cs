using System.Globalization;
using System.Text.Json;
using GeoDR.Lab;
using Npgsql;

namespace GeoDR.Tests.Trust;

/// <summary>
/// Damage put into the storage of a secondary's registry, Debian's, while it runs: each kind is found by the check that can see it,
/// and healed, or reported with what must be done (docs/explanation/verification.md has the table).
/// </summary>
public sealed class DamageTests
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(40);

    /// <summary>What damage the registry keeps although the right bytes are sent: the file must go first.</summary>
    private static readonly string[] s_kept = ["bits", "manifest-bits", "short"];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Storage_DamagedInEveryWay_IsFoundAndHealedOrReported()
    {
        await using var sites = await TwoSites.StartAsync(
            new() { CreateAdmin = false, Verification = true, Configure = site => site.Set("Verification:RequestsPerSecond", "100000") }, Stop);
        await using var source = NpgsqlDataSource.Create(sites.Secondary.ConnectionString);
        var images = await PushAsync(sites);
        // After the sync everything is looked at without being asked for.
        await UntilAsync(source, $"select count(*) = {images.Count} from verification where state = 2 and tags > 0", sites);
        var storage = new Storage(sites.Secondary.Registry.StorageDirectory);
        Damage(storage, images);

        var shallow = await VerifyAsync(sites);
        Assert.Equal(
            [
                "blob-gone missing", "child-gone missing", "link-gone missing", "manifest-bits damaged", "manifest-gone missing", "short damaged", "tag-gone missing",
                "wrong-tag wrong tag",
            ],
            Found(shallow));
        await HealedAsync(source, sites, 2);
        var deep = await VerifyAsync(sites, "--deep");
        Assert.Equal(["bits damaged", "manifest-bits damaged", "short damaged"], Found(deep));
        // What the registry keeps is sent once; then the row says what must be done.
        await UntilAsync(source, $"select count(*) = {s_kept.Length} from verification where state = 3 and failure like '%remove its file%'", sites);
        var row = (await sites.Secondary.Geo.RunAsync("status")).Output;
        Assert.Contains("3 repositories hold something missing or damaged", row, StringComparison.Ordinal);
        foreach (var name in s_kept)
            storage.Remove(name == "manifest-bits" ? images[name].Digest : images[name].Blobs[0]);
        Assert.Equal(["bits missing", "manifest-bits missing", "short missing"], Found(await VerifyAsync(sites, "--deep")));
        await HealedAsync(source, sites, 0);
        await UntilAsync(source, $"select count(*) = {images.Count} from verification where state = 2", sites);

        var difference = await sites.CompareAsync(hashBlobs: true, cancellationToken: Stop);
        Assert.True(difference.IsEmpty, $"{difference}");
        Assert.Equal((0, 0), Count(await VerifyAsync(sites, "--deep")));
    }

    private static async Task<Dictionary<string, PushedImage>> PushAsync(TwoSites sites)
    {
        var images = new Dictionary<string, PushedImage>();
        var seed = 4000;
        foreach (var name in new[] { "bits", "blob-gone", "child-gone", "link-gone", "manifest-bits", "manifest-gone", "short", "tag-gone", "well", "wrong-tag" })
            images[name] = await sites.Primary.Pusher.PushAsync(
                name, "v1", ImageSpec.Random(name == "child-gone" ? ImageKind.OciIndex : ImageKind.Oci, seed++, size: 20_000), Stop);
        await sites.Primary.Pusher.PushAsync("wrong-tag", "v2", ImageSpec.Random(ImageKind.Oci, seed), Stop);
        foreach (var image in images.Values)
            await sites.WaitForArrivalAsync(image, s_deadline, Stop);
        await sites.WaitUntilEqualAsync(s_deadline, cancellationToken: Stop);
        return images;
    }

    private static void Damage(Storage storage, Dictionary<string, PushedImage> images)
    {
        storage.Flip(images["bits"].Blobs[0]);
        storage.Remove(images["blob-gone"].Blobs[0]);
        storage.Remove(images["child-gone"].Manifests[0]);
        File.Delete(storage.Link("link-gone", $"_layers/sha256/{images["link-gone"].Blobs[0][7..]}/link"));
        storage.Flip(images["manifest-bits"].Digest);
        storage.Remove(images["manifest-gone"].Digest);
        storage.Truncate(images["short"].Blobs[0]);
        Directory.Delete(storage.Link("tag-gone", "_manifests/tags/v1"), recursive: true);
        File.Copy(
            storage.Link("wrong-tag", "_manifests/tags/v2/current/link"), storage.Link("wrong-tag", "_manifests/tags/v1/current/link"), overwrite: true);
    }

    private static async Task<JsonElement> VerifyAsync(TwoSites sites, params string[] more)
    {
        var run = await sites.Secondary.Geo.RunAsync(["verify", "--json", .. more]);
        using var report = JsonDocument.Parse(run.Output);
        var found = report.RootElement.Clone();
        Assert.Equal(found.GetProperty("damage").GetArrayLength() + found.GetProperty("notChecked").GetArrayLength() > 0 ? 1 : 0, run.ExitCode);
        return found;
    }

    private static (int Damage, int NotChecked) Count(JsonElement report) =>
        (report.GetProperty("damage").GetArrayLength(), report.GetProperty("notChecked").GetArrayLength());

    private static string[] Found(JsonElement report) =>
        [.. report.GetProperty("damage").EnumerateArray().Select(d => $"{d.GetProperty("repository")} {d.GetProperty("kind")}").Order(StringComparer.Ordinal)];

    /// <summary>Everything that can be is well again, and the check after the repair has said so.</summary>
    private static Task HealedAsync(NpgsqlDataSource source, TwoSites sites, int open) => UntilAsync(
        source,
        $"select (select count(*) from damage where healed_at is null) = {open} and not exists (select from repository where state in (0, 1)) "
        + "and not exists (select from verification where state in (0, 1) or healing)",
        sites);

    private static Task UntilAsync(NpgsqlDataSource source, string condition, TwoSites sites) => Wait.UntilAsync(
        async token =>
        {
            await using var command = source.CreateCommand(condition);
            return (bool)(await command.ExecuteScalarAsync(token))!;
        },
        s_deadline,
        () => string.Create(CultureInfo.InvariantCulture, $"{condition}\n{sites.Secondary.Geo.Serve?.LogTail(60)}"), Stop);

    /// <summary>The files of Distribution's storage driver "filesystem".</summary>
    private sealed class Storage(string root)
    {
        private readonly string _root = Path.Combine(root, "docker/registry/v2");

        public string Link(string repository, string path) => Path.Combine(_root, "repositories", repository, path);

        public void Remove(string digest) => File.Delete(Data(digest));

        public void Flip(string digest)
        {
            var bytes = File.ReadAllBytes(Data(digest));
            bytes[bytes.Length / 2] ^= 1;
            File.WriteAllBytes(Data(digest), bytes);
        }

        public void Truncate(string digest)
        {
            using var file = File.OpenWrite(Data(digest));
            file.SetLength(file.Length / 2);
        }

        private string Data(string digest)
        {
            var path = Path.Combine(_root, "blobs/sha256", digest[7..9], digest[7..], "data");
            Assert.True(File.Exists(path), path);
            return path;
        }
    }
}
