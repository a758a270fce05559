using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using GeoDR.Lab;

namespace GeoDR.Tests.Kinds;

/// <summary>An image whose every digest is sha512, below an index that a tag names: a tag's own digest is the registry's to choose.</summary>
internal sealed class Sha512Image
{
    private readonly List<byte[]> _blobs;
    private readonly byte[] _manifest;
    private readonly byte[] _index;

    public Sha512Image(string seed)
    {
        _blobs = [Encoding.UTF8.GetBytes($"{{\"os\":\"linux\",\"architecture\":\"amd64\",\"seed\":\"{seed}\"}}"), Encoding.UTF8.GetBytes($"a layer of {seed}")];
        _manifest = Bytes(new JsonObject
        {
            ["schemaVersion"] = 2, ["mediaType"] = MediaTypes.OciManifest,
            ["config"] = Descriptor(MediaTypes.OciConfig, _blobs[0]), ["layers"] = new JsonArray(Descriptor(MediaTypes.OciLayer, _blobs[1])),
        });
        _index = Bytes(new JsonObject
        {
            ["schemaVersion"] = 2, ["mediaType"] = MediaTypes.OciIndex, ["manifests"] = new JsonArray(Descriptor(MediaTypes.OciManifest, _manifest)),
        });
    }

    public string ManifestDigest => Digest(_manifest);

    public string LayerDigest => Digest(_blobs[1]);

    public async Task PushAsync(RegistryPusher pusher, string repository, CancellationToken cancel)
    {
        var (client, scope) = (pusher.Client, $"repository:{repository}:pull,push");
        foreach (var blob in _blobs)
        {
            using var begun = await client.SendAsync(HttpMethod.Post, client.Address($"{repository}/blobs/uploads/"), scope, cancellationToken: cancel);
            var place = new Uri(client.Url, begun.Headers.Location!);
            using var content = new ByteArrayContent(blob) { Headers = { ContentType = new MediaTypeHeaderValue("application/octet-stream") } };
            using var put = await client.SendAsync(
                HttpMethod.Put, new($"{place.AbsoluteUri}{(place.Query.Length > 0 ? '&' : '?')}digest={Digest(blob)}"), scope, content, cancellationToken: cancel);
            Assert.True(put.IsSuccessStatusCode, $"the blob {Digest(blob)}: {put.StatusCode}");
        }
        await pusher.PutManifestAsync(repository, ManifestDigest, MediaTypes.OciManifest, _manifest, cancel);
        await pusher.PutManifestAsync(repository, "v1", MediaTypes.OciIndex, _index, cancel);
    }

    private static JsonObject Descriptor(string type, byte[] bytes) => new() { ["mediaType"] = type, ["digest"] = Digest(bytes), ["size"] = bytes.Length };

    private static string Digest(byte[] bytes) => "sha512:" + Convert.ToHexStringLower(SHA512.HashData(bytes));

    private static byte[] Bytes(JsonObject manifest) => Encoding.UTF8.GetBytes(manifest.ToJsonString());
}
