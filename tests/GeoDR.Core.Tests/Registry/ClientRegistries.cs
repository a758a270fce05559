using GeoDR.Lab;
using GeoDR.Lab.Registries;
using GeoDR.Registry;
using GeoDR.Tokens;
using Digest = GeoDR.Registry.Digest;
using RegistryClient = GeoDR.Registry.RegistryClient;
using RegistryOptions = GeoDR.Registry.RegistryOptions;

namespace GeoDR.Core.Tests.Registry;

/// <summary>Clients as the host builds them.</summary>
internal static class Clients
{
    public static RegistryClient Of(Uri url, string? user = null, string? password = null, TokenSigner? signer = null, string? service = null, params IReadOnlyList<string> blobHosts)
    {
        var options = new RegistryOptions
        {
            Name = "test registry", Url = url, Username = user, Password = password, Service = service, AllowHttp = true, BlobHosts = blobHosts,
            RequestTimeout = TimeSpan.FromSeconds(20), IdleTimeout = TimeSpan.FromSeconds(10),
        };
        return new RegistryClient(options, challenge => TokenSources.For(challenge, options, signer, TimeProvider.System));
    }

    public static async Task PushAsync(this RegistryClient client, string repository, string? tag, LabImage image, CancellationToken cancel)
    {
        foreach (var (digest, bytes) in image.Blobs)
        {
            var upload = await client.StartUploadAsync(repository, null, cancel);
            await client.CompleteUploadAsync(upload!, Digest.Parse(digest), new ByteArrayContent(bytes), cancel);
        }
        var manifest = new Manifest(Digest.Parse(image.Digest), image.MediaType, image.ManifestBytes);
        await client.PutManifestAsync(repository, tag ?? image.Digest, manifest, TimeSpan.FromSeconds(20), cancel);
    }

    public static async Task<List<string>> AllAsync(this IAsyncEnumerable<IReadOnlyList<string>> pages)
    {
        var all = new List<string>();
        await foreach (var page in pages)
            all.AddRange(page);
        return all;
    }

    public static async Task<byte[]> ReadAllAsync(this RegistryClient client, string repository, string digest, long offset, CancellationToken cancel)
    {
        await using var blob = await client.OpenBlobAsync(repository, Digest.Parse(digest), offset, cancel);
        using var read = new MemoryStream();
        var buffer = new byte[8192];
        while (await blob.ReadAsync(buffer, cancel) is > 0 and var length)
            read.Write(buffer, 0, length);
        return read.ToArray();
    }
}

/// <summary>Debian's docker-registry that trusts a key of this run.</summary>
public sealed class TrustingRegistry : IAsyncLifetime
{
    public const string Service = "the-service";
    public const string Issuer = "the-issuer";

    private readonly LabDirectory _directory = LabDirectory.Create("trusting");

    public DistributionRegistry Registry { get; private set; } = null!;

    internal SigningKey Rsa { get; private set; } = null!;

    internal SigningKey Curve { get; private set; } = null!;

    internal SigningKey Stranger { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Rsa = SigningKey.Create(_directory.Root, "rsa");
        Curve = SigningKey.Create(_directory.Root, "curve", SigningAlgorithm.EllipticCurve);
        Stranger = SigningKey.Create(_directory.Root, "stranger");
        var bundle = _directory.PathOf("bundle.pem");
        SigningKey.WriteBundle(bundle, Rsa, Curve);
        Registry = await DistributionRegistry.StartNewAsync(_directory.PathOf("registry"), new DistributionOptions
        {
            Token = new TokenAuth(new Uri("http://127.0.0.1:9/token"), Service, Issuer, bundle),
        });
    }

    public async ValueTask DisposeAsync()
    {
        await Registry.DisposeAsync();
        await _directory.DisposeAsync();
    }
}
