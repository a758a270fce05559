using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace GeoDR.Lab;

public enum SigningAlgorithm
{
    /// <summary>RS256, RSA of 2048 bits.</summary>
    Rsa,

    /// <summary>ES256, EC P-256.</summary>
    EllipticCurve,
}

/// <summary>A key pair with a self-signed certificate on disk, as PEM; signs a registry's tokens by itself, without the code under test.</summary>
public sealed class SigningKey : IDisposable
{
    private readonly AsymmetricAlgorithm _key;
    private readonly string _certificate;

    private SigningKey(AsymmetricAlgorithm key, X509Certificate2 certificate, string keyFile, string certificateFile)
    {
        _key = key;
        _certificate = Convert.ToBase64String(certificate.RawData);
        KeyFile = keyFile;
        CertificateFile = certificateFile;
    }

    /// <summary>PKCS #8, PEM.</summary>
    public string KeyFile { get; }

    public string CertificateFile { get; }

    /// <summary>Writes <c>name.key</c> and <c>name.crt</c> into the directory.</summary>
    public static SigningKey Create(string directory, string name, SigningAlgorithm algorithm = SigningAlgorithm.Rsa)
    {
        Directory.CreateDirectory(directory);
        AsymmetricAlgorithm key = algorithm == SigningAlgorithm.Rsa ? RSA.Create(2048) : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = key is RSA rsa
            ? new CertificateRequest($"CN={name}", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new CertificateRequest($"CN={name}", (ECDsa)key, HashAlgorithmName.SHA256);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddYears(10));
        var keyFile = Path.Combine(directory, $"{name}.key");
        var certificateFile = Path.Combine(directory, $"{name}.crt");
        File.WriteAllText(keyFile, key.ExportPkcs8PrivateKeyPem() + "\n");
        File.SetUnixFileMode(keyFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllText(certificateFile, certificate.ExportCertificatePem() + "\n");
        return new SigningKey(key, certificate, keyFile, certificateFile);
    }

    /// <summary>Several certificates in one file, as <c>rootcertbundle</c> takes them.</summary>
    public static void WriteBundle(string path, params IEnumerable<SigningKey> keys) =>
        File.WriteAllText(path, string.Concat(keys.Select(k => File.ReadAllText(k.CertificateFile))));

    /// <summary>A registry's token in the form that Distribution 2.8 and 3.1 both accept: x5c header, aud a plain string, integer times.</summary>
    public string SignRegistryToken(string issuer, string audience, string subject, JsonArray access, TimeSpan lifetime)
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        return Sign(new JsonObject
        {
            ["iss"] = issuer,
            ["aud"] = audience,
            ["sub"] = subject,
            ["iat"] = now,
            ["nbf"] = now - 5,
            ["exp"] = now + (long)lifetime.TotalSeconds,
            ["jti"] = Guid.NewGuid().ToString("N"),
            ["access"] = access,
        });
    }

    /// <summary>A JWT of any payload.</summary>
    public string Sign(JsonObject payload)
    {
        var header = new JsonObject
        {
            ["typ"] = "JWT",
            ["alg"] = _key is RSA ? "RS256" : "ES256",
            ["x5c"] = new JsonArray(_certificate),
        };
        var content = $"{Encode(header)}.{Encode(payload)}";
        var bytes = System.Text.Encoding.ASCII.GetBytes(content);
        var signature = _key is RSA rsa
            ? rsa.SignData(bytes, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : ((ECDsa)_key).SignData(bytes, HashAlgorithmName.SHA256);
        return $"{content}.{System.Buffers.Text.Base64Url.EncodeToString(signature)}";
    }

    public void Dispose() => _key.Dispose();

    private static string Encode(JsonNode node) =>
        System.Buffers.Text.Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(node));
}
