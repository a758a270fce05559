using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using GeoDR.Secrets;

namespace GeoDR.Registry;

/// <summary>Whom a registry is trusted by, and what it is shown: the same for it, its token service and where it keeps its blobs.</summary>
public sealed class RegistryCertificates
{
    private readonly X509Certificate2Collection? _authorities;
    private readonly SslStreamCertificateContext? _client;

    private RegistryCertificates(string? caFile, string? certificateFile, string? keyFile)
    {
        _authorities = caFile is null ? null : LoadAuthorities(caFile);
        _client = certificateFile is null ? null : LoadWithKey(certificateFile, keyFile);
    }

    /// <summary>Those in PEM files; null where none is named.</summary>
    /// <param name="key">The registry's part of the settings.</param>
    public static Secret<RegistryCertificates>? Of(string key, string? caFile, string? certificateFile, string? keyFile)
    {
        string[] files = [.. new[] { caFile, certificateFile, keyFile }.OfType<string>()];
        return files.Length == 0 ? null : new($"{key}:{(certificateFile is null ? "CaFile" : "ClientCertificateFile")}", files, () => new(caFile, certificateFile, keyFile));
    }

    /// <summary>A certificate with its key, as <see cref="LoadWithKey"/> reads them.</summary>
    /// <param name="key">The setting that names the certificate's file.</param>
    public static Secret<SslStreamCertificateContext> OfKeyed(string key, string certificateFile, string? keyFile) =>
        new(key, [.. new[] { certificateFile, keyFile }.OfType<string>()], () => LoadWithKey(certificateFile, keyFile));

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

    internal void Apply(SslClientAuthenticationOptions ssl)
    {
        if (_authorities is not null)
        {
            ssl.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            ssl.CertificateChainPolicy.CustomTrustStore.AddRange(_authorities);
        }
        if (_client is not null)
            ssl.ClientCertificateContext = _client;
    }
}
