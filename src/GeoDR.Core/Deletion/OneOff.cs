using System.Text.Json;
using System.Text.Json.Nodes;
using GeoDR.Registry;

namespace GeoDR.Deletion;

/// <summary>
/// A manifest that exists for a moment: where only delete by digest exists and a tag's manifest is needed elsewhere, the tag is pointed
/// at this one, which then is deleted and takes the tag along.
/// </summary>
internal static class OneOff
{
    /// <summary>The empty configuration of artifacts (OCI image specification, "Guidance for an Empty Descriptor").</summary>
    public static ReadOnlyMemory<byte> Config { get; } = "{}"u8.ToArray();

    public static Digest ConfigDigest { get; } = Digest.OfSha256(Config.Span);

    /// <summary>Never the same twice, so that deleting it deletes nothing else.</summary>
    public static Manifest New()
    {
        var manifest = new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciManifest,
            ["config"] = new JsonObject
            {
                ["mediaType"] = "application/vnd.oci.image.config.v1+json", ["digest"] = ConfigDigest.ToString(), ["size"] = Config.Length,
            },
            ["layers"] = new JsonArray(),
            ["annotations"] = new JsonObject { ["geodr.deletion"] = Guid.NewGuid().ToString("N") },
        };
        var bytes = JsonSerializer.SerializeToUtf8Bytes(manifest);
        return new Manifest(Digest.OfSha256(bytes), MediaTypes.OciManifest, bytes);
    }
}
