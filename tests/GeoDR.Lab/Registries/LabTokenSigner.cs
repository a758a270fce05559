using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace GeoDR.Lab.Registries;

/// <summary>Signs registry tokens with a key of its own and carries the certificate in <c>x5c</c>, the one header that every
/// Distribution accepts. Also makes wrong tokens for tests, through the hooks of <see cref="Sign"/>.</summary>
public sealed class LabTokenSigner : IDisposable
{
    readonly AsymmetricAlgorithm _key;

    LabTokenSigner(AsymmetricAlgorithm key, CertificateRequest request, DateTimeOffset now)
    {
        _key = key;
        Certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddYears(1));
    }

    public X509Certificate2 Certificate { get; }

    public static LabTokenSigner Ecdsa(TimeProvider? time = null)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new(key, new CertificateRequest("CN=lab token signer", key, HashAlgorithmName.SHA256), (time ?? TimeProvider.System).GetUtcNow());
    }

    public static LabTokenSigner Rsa(TimeProvider? time = null)
    {
        var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=lab token signer", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        return new(key, request, (time ?? TimeProvider.System).GetUtcNow());
    }

    /// <summary>A compact JWT, RS256 or ES256 by the key.</summary>
    /// <param name="change">Changes the header and the claims before they are signed.</param>
    public string Sign(string issuer, string audience, string subject, DateTimeOffset now, TimeSpan lifetime,
        IEnumerable<TokenAccess> access, Action<JsonObject, JsonObject>? change = null)
    {
        var header = new JsonObject
        {
            ["typ"] = "JWT",
            ["alg"] = _key is RSA ? "RS256" : "ES256",
            ["x5c"] = new JsonArray(Convert.ToBase64String(Certificate.RawData)),
        };
        var claims = new JsonObject
        {
            ["iss"] = issuer,
            ["aud"] = audience,
            ["sub"] = subject,
            ["iat"] = now.ToUnixTimeSeconds(),
            ["nbf"] = now.ToUnixTimeSeconds(),
            ["exp"] = (now + lifetime).ToUnixTimeSeconds(),
            ["jti"] = Guid.NewGuid().ToString("n"),
            ["access"] = JsonSerializer.SerializeToNode(access.Select(a => new { type = a.Type, name = a.Name, actions = a.Actions })),
        };
        change?.Invoke(header, claims);
        var text = Encode(header) + "." + Encode(claims);
        var bytes = Encoding.ASCII.GetBytes(text);
        var signature = _key is RSA rsa
            ? rsa.SignData(bytes, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : ((ECDsa)_key).SignData(bytes, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        return text + "." + Base64Url.EncodeToString(signature);
    }

    public void Dispose()
    {
        Certificate.Dispose();
        _key.Dispose();
    }

    static string Encode(JsonObject json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json.ToJsonString()));
}
