using System.Net.Security;
using System.Security.Cryptography;
using GeoDR.Configuration;
using GeoDR.Registry;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace GeoDR.Hosting;

/// <summary>
/// The certificate that this site's own address shows: <c>Geo:Tls</c>. Its files are read again when they have changed; what cannot be used,
/// such as a certificate whose key is still on its way, is said once and changes nothing. They are read and compared, not watched: a
/// mounted secret of Kubernetes changes by a link two levels up.
/// </summary>
internal sealed partial class OwnCertificate(GeoSettings settings, TimeProvider time, ILogger<OwnCertificate> logger)
{
    /// <summary>Between two looks at the files; only a client that connects has them looked at.</summary>
    private static readonly TimeSpan s_every = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly string _certificate = settings.TlsCertificateFile!;
    private readonly string? _key = settings.TlsKeyFile;
    private SslStreamCertificateContext? _current;
    private byte[] _seen = [];
    private string? _fault;
    private long _lookedAt;

    /// <summary>Every https address that the program listens at shows it.</summary>
    public static void Use(KestrelServerOptions kestrel)
    {
        var own = kestrel.ApplicationServices.GetRequiredService<OwnCertificate>();
        kestrel.ConfigureHttpsDefaults(https =>
        {
            // Kestrel looks for a certificate of its own unless something selects one; the handshake takes the whole chain instead.
            https.ServerCertificateSelector = (_, _) => own.Current().TargetCertificate;
            https.OnAuthenticate = (_, handshake) => (handshake.ServerCertificateSelectionCallback, handshake.ServerCertificateContext) = (null, own.Current());
        });
    }

    /// <summary>What is wrong between where the program listens and what it can show there.</summary>
    public static IEnumerable<Fault> Faults(GeoSettings settings, IConfiguration configuration)
    {
        var urls = configuration["ASPNETCORE_URLS"] ?? "";
        // Who sets Kestrel's own endpoints gives their certificates there.
        if (configuration.GetSection("Kestrel").Exists() || urls.Contains("https://", StringComparison.OrdinalIgnoreCase) == settings.TlsCertificateFile is not null)
            yield break;
        yield return settings.TlsCertificateFile is null
            ? new("Geo:Tls:CertificateFile", "is missing, while ASPNETCORE_URLS names an https:// address; give a certificate and, in Geo:Tls:KeyFile, its key, both in PEM")
            : new("ASPNETCORE_URLS", "names no https:// address, while Geo:Tls:CertificateFile is set; write https://0.0.0.0:8443, or leave Geo:Tls out");
    }

    private SslStreamCertificateContext Current()
    {
        lock (_lock)
        {
            if (_current is null || time.GetElapsedTime(_lookedAt) >= s_every)
                Look();
            return _current!;
        }
    }

    private void Look()
    {
        _lookedAt = time.GetTimestamp();
        try
        {
            var seen = SHA256.HashData([.. File.ReadAllBytes(_certificate), .. _key is null ? [] : File.ReadAllBytes(_key)]);
            if (seen.AsSpan().SequenceEqual(_seen))
                return;
            _seen = seen;
            var first = _current is null;
            _current = RegistryCertificates.LoadWithKey(_certificate, _key);
            _fault = null;
            if (!first)
                LogRead(logger, _current.TargetCertificate.NotAfter.ToUniversalTime());
        }
        catch (Exception e) when (_current is not null && e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            if (_fault != e.Message)
                LogUnusable(logger, _certificate, e.Message);
            _fault = e.Message;
        }
    }

    [LoggerMessage(280, LogLevel.Information, "The certificate in Geo:Tls:CertificateFile has changed: new connections see it; it ends at {End:u}")]
    private static partial void LogRead(ILogger logger, DateTime end);

    [LoggerMessage(281, LogLevel.Warning, "The certificate in {File} cannot be used, connections go on seeing the one before: {Fault}. Put a certificate and its key there, both in PEM")]
    private static partial void LogUnusable(ILogger logger, string file, string fault);
}
