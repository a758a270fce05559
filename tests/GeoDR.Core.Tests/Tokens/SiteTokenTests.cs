using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using GeoDR.Lab;
using GeoDR.Tokens;
using Microsoft.IdentityModel.Tokens;

namespace GeoDR.Core.Tests.Tokens;

/// <summary>The token that signs a call between sites: whoever takes a wrong one lets a stranger command a site.</summary>
public sealed class SiteTokenTests : IAsyncDisposable
{
    private static readonly DateTimeOffset s_now = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly byte[] s_body = "body"u8.ToArray();

    private readonly LabDirectory _directory = LabDirectory.Create("site-tokens");
    private readonly SiteKey _key = SiteKey.Create();
    private readonly ECDsa _private;
    private readonly ECDsa _public;

    public SiteTokenTests()
    {
        var (privateFile, publicFile) = (_directory.PathOf("site.key"), _directory.PathOf("site.pub"));
        _key.WritePrivate(privateFile);
        _key.WritePublic(publicFile);
        _public = SiteKey.LoadPublic(publicFile);
        _private = SiteKey.LoadPublic(privateFile);
    }

    [Fact]
    public void Verify_ItsOwnCall_IsValid()
    {
        Assert.Equal(SiteTokenResult.Valid, Verify(Create()));
        Assert.Equal("madrid", SiteToken.ReadIssuer(Create()));
    }

    [Fact]
    public void Verify_AnotherCallThanTheOneSigned_IsRefused()
    {
        var token = Create();
        Assert.Equal(SiteTokenResult.WrongAudience, SiteToken.Verify(token, _public, "paris", "POST", "/path", s_body, s_now));
        Assert.Equal(SiteTokenResult.WrongCall, SiteToken.Verify(token, _public, "berlin", "GET", "/path", s_body, s_now));
        Assert.Equal(SiteTokenResult.WrongCall, SiteToken.Verify(token, _public, "berlin", "POST", "/other", s_body, s_now));
        Assert.Equal(SiteTokenResult.WrongCall, SiteToken.Verify(token, _public, "berlin", "POST", "/path", "other"u8, s_now));
    }

    [Theory]
    [InlineData(0, SiteTokenResult.Valid)]
    [InlineData(-9, SiteTokenResult.Valid)]
    [InlineData(-12, SiteTokenResult.WrongTime)]
    [InlineData(69, SiteTokenResult.Valid)]
    [InlineData(72, SiteTokenResult.WrongTime)]
    [InlineData(600, SiteTokenResult.WrongTime)]
    public void Verify_AtAnotherTime_HoldsOnlyForItsLife(int seconds, SiteTokenResult expected) =>
        Assert.Equal(expected, SiteToken.Verify(Create(), _public, "berlin", "POST", "/path", s_body, s_now.AddSeconds(seconds)));

    [Fact]
    public void Verify_AnotherKey_IsRefused()
    {
        using var stranger = SiteKey.Create();
        Assert.Equal(SiteTokenResult.WrongSignature, Verify(SiteToken.Create(stranger, "madrid", "berlin", "POST", "/path", s_body, s_now)));
    }

    [Fact]
    public void Verify_LivesLongerThanAMinute_IsRefused() =>
        Assert.Equal(SiteTokenResult.WrongTime, Verify(Forge("ES256", Es256, exp: 3600)));

    [Fact]
    public void Verify_ForgedLikeItsOwn_IsValid() => Assert.Equal(SiteTokenResult.Valid, Verify(Forge("ES256", Es256)));

    // The classic confusions: no signature, and the public key taken for a shared secret.
    [Theory]
    [InlineData("none")]
    [InlineData("None")]
    [InlineData("HS256")]
    [InlineData("RS256")]
    [InlineData("ES384")]
    [InlineData("es256")]
    public void Verify_AnotherAlgorithm_IsRefusedWhateverItsSignature(string algorithm)
    {
        var pem = Encoding.ASCII.GetBytes(_public.ExportSubjectPublicKeyInfoPem());
        Assert.NotEqual(SiteTokenResult.Valid, Verify(Forge(algorithm, _ => [])));
        Assert.NotEqual(SiteTokenResult.Valid, Verify(Forge(algorithm, text => HMACSHA256.HashData(pem, text))));
        Assert.Equal(SiteTokenResult.WrongAlgorithm, Verify(Forge(algorithm, Es256)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a.b.c")]
    [InlineData("..")]
    [InlineData("eyJhbGciOiJFUzI1NiJ9.bm90IGpzb24.AAAA")]
    [InlineData("eyJhbGciOiJFUzI1NiJ9.W10.AAAA")]
    [InlineData("no token at all")]
    public void Verify_Rubbish_IsRefusedWithoutAnException(string token) => Assert.NotEqual(SiteTokenResult.Valid, Verify(token));

    [Theory]
    [InlineData("exp")]
    [InlineData("iat")]
    [InlineData("aud")]
    [InlineData("bh")]
    [InlineData("htm")]
    [InlineData("htu")]
    public void Verify_ClaimMissingOrOfAnotherType_IsRefused(string claim)
    {
        Assert.NotEqual(SiteTokenResult.Valid, Verify(Forge("ES256", Es256, change: p => p.Remove(claim))));
        Assert.NotEqual(SiteTokenResult.Valid, Verify(Forge("ES256", Es256, change: p => p[claim] = new JsonObject())));
        Assert.NotEqual(SiteTokenResult.Valid, Verify(Forge("ES256", Es256, change: p => p[claim] = new JsonArray("berlin", "paris"))));
    }

    [Fact]
    public void WritePrivate_ExistingFile_IsNeverOverwrittenAndOnlyItsOwnerReads()
    {
        var file = _directory.PathOf("site.key");
        Assert.Throws<IOException>(() => _key.WritePrivate(file));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
    }

    public async ValueTask DisposeAsync()
    {
        _key.Dispose();
        _private.Dispose();
        _public.Dispose();
        await _directory.DisposeAsync();
    }

    private string Create() => SiteToken.Create(_key, "madrid", "berlin", "POST", "/path", s_body, s_now);

    private SiteTokenResult Verify(string token) => SiteToken.Verify(token, _public, "berlin", "POST", "/path", s_body, s_now);

    private byte[] Es256(byte[] text) => _private.SignData(text, HashAlgorithmName.SHA256);

    private static string Forge(string algorithm, Func<byte[], byte[]> sign, int exp = 60, Action<JsonObject>? change = null)
    {
        var now = s_now.ToUnixTimeSeconds();
        var payload = new JsonObject
        {
            ["iss"] = "madrid", ["aud"] = "berlin", ["iat"] = now, ["exp"] = now + exp, ["jti"] = "x",
            ["htm"] = "POST", ["htu"] = "/path", ["bh"] = Base64UrlEncoder.Encode(SHA256.HashData(s_body)),
        };
        change?.Invoke(payload);
        var header = new JsonObject { ["typ"] = "JWT", ["alg"] = algorithm };
        var text = Base64UrlEncoder.Encode(header.ToJsonString()) + "." + Base64UrlEncoder.Encode(payload.ToJsonString());
        return text + "." + Base64UrlEncoder.Encode(sign(Encoding.ASCII.GetBytes(text)));
    }
}
