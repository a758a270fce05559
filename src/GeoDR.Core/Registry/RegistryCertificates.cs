using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace GeoDR.Registry;

/// <summary>Whom a registry is trusted by, and what it is shown: the same for it, its token service and where it keeps its blobs.</summary>
public static class RegistryCertificates
{
    /// <summary>The authorities in a PEM file, which stand in place of the system's.</summary>
    /// <exception cref="CryptographicException">The file holds no certificate.</exception>
    public static X509Certificate2Collection LoadAuthorities(string file)
    {
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(file);
        return authorities.Count > 0 ? authorities : throw new CryptographicException("it holds no certificate in PEM");
    }

    /// <summary>A certificate of one's own with its key, from PEM files; what else the first file holds is sent as its chain.</summary>
    /// <param name="keyFile">Null where the certificate's file holds the key too.</param>
    /// <exception cref="CryptographicException">The files hold no certificate, no key, or two that do not belong together.</exception>
    public static SslStreamCertificateContext LoadWithKey(string certificateFile, string? keyFile)
    {
        var chain = LoadAuthorities(certificateFile);
        try
        {
            return SslStreamCertificateContext.Create(X509Certificate2.CreateFromPemFile(certificateFile, keyFile), [.. chain.Skip(1)], offline: true);
        }
        catch (ArgumentException e)
        {
            throw new CryptographicException("the key is not that of the certificate", e);
        }
    }

    internal static void Apply(SslClientAuthenticationOptions ssl, RegistryOptions options)
    {
        if (options.CaFile is { } ca)
        {
            ssl.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            ssl.CertificateChainPolicy.CustomTrustStore.AddRange(LoadAuthorities(ca));
        }
        if (options.ClientCertificateFile is { } certificate)
            ssl.ClientCertificateContext = LoadWithKey(certificate, options.ClientKeyFile);
    }
}
