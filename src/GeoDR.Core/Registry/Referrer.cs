using System.Text.Json;
using System.Text.Json.Nodes;

namespace GeoDR.Registry;

/// <summary>A manifest that names another as its subject, with its descriptor as the registry lists it (OCI image specification, "subject").</summary>
public sealed record Referrer(Digest Digest, JsonObject Descriptor)
{
    /// <summary>
    /// The tag under which registries without the referrers API keep the index of a manifest's referrers (OCI distribution
    /// specification 1.1, "Referrers Tag Schema").
    /// </summary>
    public static string FallbackTag(Digest subject) => $"{subject.Algorithm}-{subject.Hex[..Math.Min(64, subject.Hex.Length)]}";

    /// <summary>The entries of an index of referrers; null when it is none.</summary>
    public static IReadOnlyList<Referrer>? Parse(ReadOnlyMemory<byte> index)
    {
        try
        {
            return [.. JsonNode.Parse(index.Span)!["manifests"]!.AsArray()
                .Select(m => new Referrer(Digest.Parse((string)m!["digest"]!), m.AsObject()))
                .DistinctBy(r => r.Digest)];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or NullReferenceException or ArgumentNullException)
        {
            return null;
        }
    }

    /// <summary>An index of referrers to keep under <see cref="FallbackTag"/>.</summary>
    public static Manifest Index(IEnumerable<Referrer> referrers)
    {
        var index = new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = MediaTypes.OciIndex,
            ["manifests"] = new JsonArray([.. referrers.Select(r => r.Descriptor.DeepClone())]),
        };
        var bytes = JsonSerializer.SerializeToUtf8Bytes(index);
        return new Manifest(Digest.OfSha256(bytes), MediaTypes.OciIndex, bytes);
    }
}
