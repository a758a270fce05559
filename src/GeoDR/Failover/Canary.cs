using System.Security.Cryptography;
using System.Text;
using GeoDR.Hosting;
using GeoDR.Registry;

namespace GeoDR.Failover;

/// <summary>A tiny image, new to the world each time, that is pushed to see whether a registry takes pushes and gives them back.</summary>
internal static class Canary
{
    /// <summary>One tag, written over each time.</summary>
    public const string Tag = "canary";

    private const string ManifestType = "application/vnd.oci.image.manifest.v1+json";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    /// <returns>The digest that was pushed and read back.</returns>
    /// <exception cref="RegistryException">The registry refuses it, or does not answer.</exception>
    public static async Task<Digest> PushAsync(RegistryClient registry, CancellationToken cancel)
    {
        var config = Encoding.UTF8.GetBytes($$"""{"architecture":"none","os":"none","geodr":"{{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16))}}"}""");
        var digest = Digest.OfSha256(config);
        var upload = await registry.StartUploadAsync(SiteRelations.CanaryRepository, null, cancel);
        await registry.CompleteUploadAsync(upload!, digest, new ByteArrayContent(config), cancel);
        var bytes = Encoding.UTF8.GetBytes($$"""
            {"schemaVersion":2,"mediaType":"{{ManifestType}}","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{{digest}}","size":{{config.Length}}},"layers":[]}
            """.Trim());
        var manifest = new Manifest(Digest.OfSha256(bytes), ManifestType, bytes);
        await registry.PutManifestAsync(SiteRelations.CanaryRepository, Tag, manifest, s_patience, cancel);
        var back = await registry.GetManifestAsync(SiteRelations.CanaryRepository, Tag, cancel);
        return back?.Digest == manifest.Digest ? manifest.Digest
            : throw new RegistryException("canary", HttpMethod.Get, new Uri("about:canary"), null, [], $"took {manifest.Digest} and gave back {back?.Digest.ToString() ?? "nothing"}");
    }
}
