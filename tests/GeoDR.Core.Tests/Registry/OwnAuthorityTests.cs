using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using GeoDR.Lab;
using GeoDR.Lab.Registries;
using GeoDR.Registry;
using GeoDR.Secrets;
using GeoDR.Tokens;
using RegistryClient = GeoDR.Registry.RegistryClient;
using RegistryOptions = GeoDR.Registry.RegistryOptions;

namespace GeoDR.Core.Tests.Registry;

/// <summary>A registry with a token service of its own, both behind an authority that no system trusts.</summary>
public sealed class OwnAuthorityTests : IAsyncLifetime
{
    private readonly LabDirectory _directory = LabDirectory.Create("authority");
    private LabCertificates _own = null!;
    private LabRegistry _registry = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _own = LabCertificates.Create(_directory.PathOf("own"));
        _registry = await LabRegistry.StartAsync(new() { Certificate = X509Certificate2.CreateFromPemFile(_own.ServerCertificateFile, _own.ServerKeyFile) });
        _registry.Seed("app/one", "v1", LabImage.Create("authority", 10));
        _registry.Switches.Auth = new LabTokenServiceAuth(new LabUser("user", "secret"));
    }

    public async ValueTask DisposeAsync()
    {
        await _registry.DisposeAsync();
        await _directory.DisposeAsync();
    }

    [Fact]
    public async Task TokenService_BehindTheSameAuthority_IsTrusted()
    {
        using var client = Client(_own.CaFile);
        Assert.Equal(["v1"], await client.ListTagsAsync("app/one", Stop).AllAsync());
        Assert.Equal(1, _registry.Requests.Count(kind: RequestKind.Token));
    }

    [Fact]
    public async Task Authority_AnotherOrNone_IsUntrusted()
    {
        foreach (var file in new[] { LabCertificates.Create(_directory.PathOf("another")).CaFile, null })
        {
            using var client = Client(file);
            var e = await Assert.ThrowsAsync<RegistryException>(() => client.PingAsync(Stop));
            Assert.Equal((true, TlsFault.Untrusted), (e.IsUnreachable, e.Tls));
            Assert.Contains("certificate", e.Call, StringComparison.Ordinal);
        }
        Assert.Equal(0, _registry.Requests.Total);
    }

    [Fact]
    public async Task Files_ThatChange_CountForTheNextConnection()
    {
        var (authority, password) = (_directory.PathOf("ca.pem"), _directory.PathOf("password"));
        Put(LabCertificates.Create(_directory.PathOf("another")).CaFile, authority);
        await File.WriteAllTextAsync(password, "another", Stop);
        var options = new RegistryOptions
        {
            Name = "test registry", Url = _registry.Url, Username = "user", Certificates = RegistryCertificates.Of("here", authority, null, null),
            Password = new("here", [password], () => SecretText.Lines(password)[0]),
        };
        using var client = new RegistryClient(options, challenge => TokenSources.For(challenge, options, null, TimeProvider.System));
        Assert.Equal(TlsFault.Untrusted, (await Assert.ThrowsAsync<RegistryException>(() => client.PingAsync(Stop))).Tls);
        Put(_own.CaFile, authority);
        options.Certificates!.Look();
        await client.PingAsync(Stop);
        Assert.True((await Assert.ThrowsAsync<RegistryException>(() => TagsAsync(client))).IsRefused);

        // The refusal itself has the password's file read again.
        Put(password, password, "secret");
        Assert.Equal(["v1"], await TagsAsync(client));

        static async Task<IReadOnlyList<string>> TagsAsync(RegistryClient client) => await client.ListTagsAsync("app/one", Stop).AllAsync();

        static void Put(string from, string to, string? content = null)
        {
            File.WriteAllText(to, content ?? File.ReadAllText(from));
            File.SetLastWriteTimeUtc(to, new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        }
    }

    [Fact]
    public void Files_ThatHoldNoCertificateOrNotItsKey_AreRefused()
    {
        var strangers = LabCertificates.Create(_directory.PathOf("strangers"));
        Assert.Throws<CryptographicException>(() => RegistryCertificates.LoadAuthorities(_own.ClientKeyFile));
        Assert.Throws<CryptographicException>(() => RegistryCertificates.LoadWithKey(_own.ClientCertificateFile, strangers.ClientKeyFile));
        Assert.Throws<CryptographicException>(() => RegistryCertificates.LoadWithKey(_own.ClientCertificateFile, null));
        Assert.NotNull(RegistryCertificates.LoadWithKey(_own.ClientCertificateFile, _own.ClientKeyFile));
    }

    private RegistryClient Client(string? caFile)
    {
        var options = new RegistryOptions { Name = "test registry", Url = _registry.Url, Username = "user", Password = "secret", Certificates = RegistryCertificates.Of("here", caFile, null, null) };
        return new(options, challenge => TokenSources.For(challenge, options, null, TimeProvider.System));
    }
}
