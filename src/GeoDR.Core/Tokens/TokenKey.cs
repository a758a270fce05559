using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.IdentityModel.Tokens;

namespace GeoDR.Tokens;

/// <summary>A key for tokens that cannot be used; the message says what to do.</summary>
public sealed class TokenKeyException(string message) : Exception(message);

/// <summary>A private key with the certificate that registries trust it by: RSA signs RS256, EC P-256 signs ES256.</summary>
public sealed class TokenKey
{
    private TokenKey(SecurityKey key, string algorithm, IReadOnlyList<string> chain) => (Key, Algorithm, Chain) = (key, algorithm, chain);

    public SecurityKey Key { get; }
    /// <summary>RS256 or ES256.</summary>
    public string Algorithm { get; }
    /// <summary>For <c>x5c</c>: standard base64 of DER, leaf first (RFC 7515, section 4.1.6).</summary>
    public IReadOnlyList<string> Chain { get; }

    /// <exception cref="TokenKeyException"/>
    public static TokenKey Load(string keyFile, string certificateFile)
    {
        var chain = Certificates(certificateFile);
        var leaf = chain[0];
        if (leaf.NotAfter.ToUniversalTime() < TimeProvider.System.GetUtcNow().UtcDateTime)
            throw new TokenKeyException($"the certificate in {certificateFile} ended on {leaf.NotAfter:yyyy-MM-dd}; make a new one and give it to the registries");
        var pem = Read(keyFile);
        var x5c = chain.Select(c => Convert.ToBase64String(c.RawData)).ToList();
        if (TryImport(RSA.Create(), pem) is { } rsa)
        {
            Match(leaf.GetRSAPublicKey()?.ExportSubjectPublicKeyInfo(), rsa.ExportSubjectPublicKeyInfo(), keyFile, certificateFile);
            return new(new RsaSecurityKey(rsa), SecurityAlgorithms.RsaSha256, x5c);
        }
        if (TryImport(ECDsa.Create(), pem) is { KeySize: 256 } ec)
        {
            Match(leaf.GetECDsaPublicKey()?.ExportSubjectPublicKeyInfo(), ec.ExportSubjectPublicKeyInfo(), keyFile, certificateFile);
            return new(new ECDsaSecurityKey(ec), SecurityAlgorithms.EcdsaSha256, x5c);
        }
        throw new TokenKeyException($"{keyFile} holds no RSA or EC P-256 private key in PEM");
    }

    private static void Match(byte[]? certified, byte[] own, string keyFile, string certificateFile)
    {
        if (certified is null || !certified.AsSpan().SequenceEqual(own))
            throw new TokenKeyException($"the key in {keyFile} does not belong to the certificate in {certificateFile}; give the pair that was made together");
    }

    private static X509Certificate2Collection Certificates(string file)
    {
        var chain = new X509Certificate2Collection();
        try
        {
            chain.ImportFromPemFile(file);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new TokenKeyException($"{file} cannot be read as certificates in PEM: {e.Message}");
        }
        return chain.Count > 0 ? chain : throw new TokenKeyException($"{file} holds no certificate in PEM");
    }

    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new TokenKeyException($"{file} cannot be read: {e.Message}");
        }
    }

    private static T? TryImport<T>(T algorithm, string pem) where T : AsymmetricAlgorithm
    {
        try
        {
            algorithm.ImportFromPem(pem);
            return algorithm;
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            algorithm.Dispose();
            return null;
        }
    }
}
