using System.IdentityModel.Tokens.Jwt;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using GeoDR.Lab;
using GeoDR.Registry;
using GeoDR.Tokens;
using Microsoft.IdentityModel.Tokens;

namespace GeoDR.Core.Tests.Tokens;

public sealed class TokenSignerTests : IAsyncDisposable
{
    private static readonly TimeSpan s_life = TimeSpan.FromMinutes(3);

    private readonly LabDirectory _directory = LabDirectory.Create("tokens");

    [Theory]
    [InlineData(SigningAlgorithm.Rsa, "RS256")]
    [InlineData(SigningAlgorithm.EllipticCurve, "ES256")]
    public void Sign_ByEachAlgorithm_CarriesTheCertificateThatVerifiesIt(SigningAlgorithm algorithm, string name)
    {
        using var pair = SigningKey.Create(_directory.Root, name, algorithm);
        var token = Sign(pair, new Scope("app/one", false));

        var jwt = new JwtSecurityTokenHandler().ReadJwtToken(token);
        Assert.Equal(name, jwt.Header.Alg);
        Assert.False(jwt.Header.ContainsKey("kid"));
        var x5c = ((Newtonsoft.Json.Linq.JArray)jwt.Header["x5c"]).Select(c => (string)c!).ToList();
        using var certificate = X509CertificateLoader.LoadCertificate(Convert.FromBase64String(Assert.Single(x5c)));
        using var trusted = X509CertificateLoader.LoadCertificateFromFile(pair.CertificateFile);
        Assert.Equal(trusted.RawData, certificate.RawData);
        Assert.True(Holds(certificate, token));
        Assert.False(Holds(certificate, token[..token.LastIndexOf('.')] + "A." + token[(token.LastIndexOf('.') + 1)..]));
    }

    [Fact]
    public void Sign_Claims_AreExactlyWhatIsAskedFor()
    {
        using var pair = SigningKey.Create(_directory.Root, "claims");
        var before = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var payload = new JwtSecurityTokenHandler().ReadJwtToken(Sign(pair, new Scope("app/one", false))).Payload;

        Assert.Equal(("the-issuer", "geodr-here"), (payload.Iss, payload.Sub));
        // Distribution 2.8 reads a string here, no list.
        Assert.Equal("the-service", payload["aud"]);
        Assert.InRange((long)payload["exp"] - (long)payload["iat"], 180, 180);
        Assert.InRange((long)payload["iat"], before, before + 60);
        Assert.True((long)payload["nbf"] <= (long)payload["iat"]);
        Assert.Equal("""[{"type":"repository","name":"app/one","actions":["pull"]}]""", Access(payload));
    }

    [Fact]
    public void Sign_ForPushAndForTheCatalog_NamesTheirActions()
    {
        using var pair = SigningKey.Create(_directory.Root, "scopes");
        var handler = new JwtSecurityTokenHandler();
        Assert.Equal("""[{"type":"repository","name":"a","actions":["pull","push"]},{"type":"repository","name":"b","actions":["pull"]}]""",
            Access(handler.ReadJwtToken(Sign(pair, new Scope("a", true), new Scope("b", false))).Payload));
        Assert.Equal("""[{"type":"registry","name":"catalog","actions":["*"]}]""", Access(handler.ReadJwtToken(Sign(pair, Scope.Catalog)).Payload));
    }

    [Fact]
    public async Task OwnTokens_AreKeptUntilShortlyBeforeTheirEndAndRenewedOnRequest()
    {
        using var pair = SigningKey.Create(_directory.Root, "cache");
        var clock = new LabRegistries.SettableClock { Now = TimeProvider.System.GetUtcNow() };
        var source = new OwnTokens(new TokenSigner(TokenKey.Load(pair.KeyFile, pair.CertificateFile), "i", "s", s_life, clock), "service", clock);
        async Task<string> GetAsync(string repository, bool renew = false) =>
            (await source.GetAsync([new Scope(repository, false)], renew, TestContext.Current.CancellationToken))!.Parameter!;

        var first = await GetAsync("a");
        Assert.Equal(first, await GetAsync("a"));
        Assert.NotEqual(first, await GetAsync("b"));
        clock.Now += TimeSpan.FromSeconds(149);
        Assert.Equal(first, await GetAsync("a"));
        clock.Now += TimeSpan.FromSeconds(2);
        var second = await GetAsync("a");
        Assert.NotEqual(first, second);
        Assert.NotEqual(second, await GetAsync("a", renew: true));
    }

    [Fact]
    public void Load_KeyOfAnotherCertificate_SaysSo()
    {
        using var one = SigningKey.Create(_directory.Root, "one");
        using var two = SigningKey.Create(_directory.Root, "two");
        using var curve = SigningKey.Create(_directory.Root, "curve", SigningAlgorithm.EllipticCurve);
        Assert.Contains("does not belong to the certificate", Fault(one.KeyFile, two.CertificateFile), StringComparison.Ordinal);
        Assert.Contains("does not belong to the certificate", Fault(one.KeyFile, curve.CertificateFile), StringComparison.Ordinal);
        Assert.Contains("does not belong to the certificate", Fault(curve.KeyFile, one.CertificateFile), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_NoKeyNoCertificateOrAnEndedOne_SaysWhichFile()
    {
        using var pair = SigningKey.Create(_directory.Root, "pair");
        var rubbish = _directory.PathOf("rubbish");
        File.WriteAllText(rubbish, "no PEM");
        Assert.Contains(rubbish, Fault(rubbish, pair.CertificateFile), StringComparison.Ordinal);
        Assert.Contains(rubbish, Fault(pair.KeyFile, rubbish), StringComparison.Ordinal);
        Assert.Contains("not-there", Fault(_directory.PathOf("not-there"), pair.CertificateFile), StringComparison.Ordinal);
        // A certificate is no private key.
        Assert.Contains("no RSA or EC P-256 private key", Fault(pair.CertificateFile, pair.CertificateFile), StringComparison.Ordinal);

        using var key = RSA.Create(2048);
        var now = TimeProvider.System.GetUtcNow();
        using var ended = new CertificateRequest("CN=old", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSelfSigned(now.AddDays(-9), now.AddDays(-2));
        var (keyFile, certificateFile) = (_directory.PathOf("old.key"), _directory.PathOf("old.crt"));
        File.WriteAllText(keyFile, key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(certificateFile, ended.ExportCertificatePem());
        Assert.Contains("ended on", Fault(keyFile, certificateFile), StringComparison.Ordinal);
    }

    public ValueTask DisposeAsync() => _directory.DisposeAsync();

    private static string Fault(string key, string certificate) => Assert.Throws<TokenKeyException>(() => TokenKey.Load(key, certificate)).Message;

    private static string Sign(SigningKey pair, params IReadOnlyList<Scope> scopes) =>
        new TokenSigner(TokenKey.Load(pair.KeyFile, pair.CertificateFile), "the-issuer", "geodr-here", s_life, TimeProvider.System).Sign("the-service", scopes);

    private static string Access(JwtPayload payload) => Newtonsoft.Json.JsonConvert.SerializeObject(payload["access"]);

    private static bool Holds(X509Certificate2 certificate, string token)
    {
        var parts = token.Split('.');
        var (signed, signature) = (Encoding.ASCII.GetBytes(parts[0] + "." + parts[1]), Base64UrlEncoder.DecodeBytes(parts[2]));
        using var rsa = certificate.GetRSAPublicKey();
        using var curve = certificate.GetECDsaPublicKey();
        return rsa?.VerifyData(signed, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            ?? curve!.VerifyData(signed, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }
}
