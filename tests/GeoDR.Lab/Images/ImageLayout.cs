using System.Formats.Tar;
using System.IO.Compression;
using System.Text.Json.Nodes;

namespace GeoDR.Lab;

/// <summary>
/// Writes images to disk as real clients read them: an OCI layout (<c>oci:</c>) or skopeo's <c>dir:</c> layout. Their layers are true
/// gzipped archives, so that skopeo copies them as they are and an engine can unpack them.
/// </summary>
public static class ImageLayout
{
    /// <summary>An OCI layout that holds one image under the name; the reference for skopeo is <c>oci:directory:name</c>. Gives the digest.</summary>
    public static async Task<string> WriteOciAsync(string directory, string name, ImageSpec image)
    {
        var built = await ImageBuilder.BuildAsync(image, layer => LayerAsync(layer));
        var blobs = Directory.CreateDirectory(Path.Combine(directory, "blobs", "sha256")).FullName;
        foreach (var (digest, open) in Files(built))
        {
            await WriteAsync(Path.Combine(blobs, Hex(digest)), open);
        }

        await File.WriteAllTextAsync(Path.Combine(directory, "oci-layout"), """{"imageLayoutVersion":"1.0.0"}""");
        var top = built.Manifests[^1];
        var index = new JsonObject
        {
            ["schemaVersion"] = 2,
            ["manifests"] = new JsonArray(new JsonObject
            {
                ["mediaType"] = top.MediaType,
                ["digest"] = top.Digest,
                ["size"] = top.Bytes.Length,
                ["annotations"] = new JsonObject { ["org.opencontainers.image.ref.name"] = name },
            }),
        };
        await File.WriteAllTextAsync(Path.Combine(directory, "index.json"), index.ToJsonString());
        return top.Digest;
    }

    /// <summary>skopeo's <c>dir:</c> layout of one image or index. Gives the digest.</summary>
    public static async Task<string> WriteDirAsync(string directory, ImageSpec image)
    {
        var built = await ImageBuilder.BuildAsync(image, layer => LayerAsync(layer));
        Directory.CreateDirectory(directory);
        foreach (var blob in built.Blobs)
        {
            await WriteAsync(Path.Combine(directory, Hex(blob.Digest)), blob.Open);
        }

        foreach (var child in built.Manifests.SkipLast(1))
        {
            await File.WriteAllBytesAsync(Path.Combine(directory, Hex(child.Digest) + ".manifest.json"), child.Bytes);
        }

        await File.WriteAllBytesAsync(Path.Combine(directory, "manifest.json"), built.Manifests[^1].Bytes);
        await File.WriteAllTextAsync(Path.Combine(directory, "version"), "Directory Transport Version: 1.1\n");
        return built.Digest;
    }

    /// <summary>The archive of one file that a layer is, before compression.</summary>
    public static async Task<byte[]> ArchiveAsync(LayerSpec layer)
    {
        var archive = new MemoryStream();
        await using (var tar = new TarWriter(archive, TarEntryFormat.Ustar, leaveOpen: true))
        {
            var content = new MemoryStream();
            await using (var random = new RandomStream(layer.Seed, layer.Size))
            {
                await random.CopyToAsync(content);
            }

            content.Position = 0;
            await tar.WriteEntryAsync(new UstarTarEntry(TarEntryType.RegularFile, $"layer-{layer.Seed}")
            {
                DataStream = content,
                ModificationTime = DateTimeOffset.UnixEpoch,
            });
        }

        return archive.ToArray();
    }

    private static async Task<(BlobSource Blob, string DiffId)> LayerAsync(LayerSpec layer)
    {
        var archive = await ArchiveAsync(layer);
        var packed = new MemoryStream();
        await using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            await gzip.WriteAsync(archive);
        }

        return (BlobSource.Of(packed.ToArray()), Digests.Of(archive));
    }

    private static IEnumerable<(string Digest, Func<Stream> Open)> Files(BuiltImage image) =>
        image.Blobs.Select(b => (b.Digest, b.Open))
            .Concat(image.Manifests.Select(m => (m.Digest, (Func<Stream>)(() => new MemoryStream(m.Bytes)))));

    private static string Hex(string digest) => digest[(digest.IndexOf(':', StringComparison.Ordinal) + 1)..];

    private static async Task WriteAsync(string path, Func<Stream> open)
    {
        await using var from = open();
        await using var to = File.Create(path);
        await from.CopyToAsync(to);
    }
}
