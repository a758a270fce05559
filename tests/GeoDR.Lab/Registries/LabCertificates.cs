using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace GeoDR.Lab;

/// <summary>A certificate authority of this run that no system trusts, with a server's and a client's certificate made by it, as PEM.</summary>
public sealed class LabCertificates
{
    private static readonly Oid s_serverAuth = new("1.3.6.1.5.5.7.3.1");
    private static readonly Oid s_clientAuth = new("1.3.6.1.5.5.7.3.2");

    private readonly string _directory;

    private LabCertificates(string directory) => _directory = directory;

    public string CaFile => Path.Combine(_directory, "ca.crt");

    public string ServerCertificateFile => Path.Combine(_directory, "server.crt");

    public string ServerKeyFile => Path.Combine(_directory, "server.key");

    public string ClientCertificateFile => Path.Combine(_directory, "client.crt");

    public string ClientKeyFile => Path.Combine(_directory, "client.key");

    /// <summary>The server's certificate is for these names and 127.0.0.1.</summary>
    public static LabCertificates Create(string directory, params IEnumerable<string> names)
    {
        Directory.CreateDirectory(directory);
        var made = new LabCertificates(directory);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=an authority of the lab", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        var now = TimeProvider.System.GetUtcNow();
        using var authority = request.CreateSelfSigned(now.AddDays(-2), now.AddYears(2));
        File.WriteAllText(made.CaFile, authority.ExportCertificatePem() + "\n");
        made.Issue(authority, "server", s_serverAuth, names);
        made.Issue(authority, "client", s_clientAuth, []);
        return made;
    }

    /// <summary>A client that trusts the authority and shows the client's certificate.</summary>
    public HttpClient NewClient()
    {
        var trust = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trust.CustomTrustStore.ImportFromPemFile(CaFile);
        return new HttpClient(new SocketsHttpHandler
        {
            UseProxy = false,
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = trust,
                ClientCertificates = [X509Certificate2.CreateFromPemFile(ClientCertificateFile, ClientKeyFile)],
            },
        });
    }

    private void Issue(X509Certificate2 authority, string name, Oid purpose, IEnumerable<string> names)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([purpose], critical: false));
        var alternatives = new SubjectAlternativeNameBuilder();
        alternatives.AddIpAddress(IPAddress.Loopback);
        foreach (var dns in names)
        {
            alternatives.AddDnsName(dns);
        }

        request.CertificateExtensions.Add(alternatives.Build());
        using var certificate = request.Create(authority, authority.NotBefore.AddDays(1), authority.NotAfter.AddDays(-1), RandomNumberGenerator.GetBytes(12));
        File.WriteAllText(Path.Combine(_directory, $"{name}.crt"), certificate.ExportCertificatePem() + "\n");
        File.WriteAllText(Path.Combine(_directory, $"{name}.key"), key.ExportPkcs8PrivateKeyPem() + "\n");
    }
}
