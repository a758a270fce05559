using GeoDR.Configuration;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace GeoDR.Hosting;

/// <summary>The certificate that this site's own address shows: <c>Geo:Tls</c>, as its files are now.</summary>
internal static class OwnCertificate
{
    /// <summary>Every https address that the program listens at shows it.</summary>
    public static void Use(KestrelServerOptions kestrel, GeoSettings settings)
    {
        if (settings.Tls is not { } own)
            return;
        kestrel.ConfigureHttpsDefaults(https =>
        {
            // Kestrel looks for a certificate of its own unless something selects one; the handshake takes the whole chain instead.
            https.ServerCertificateSelector = (_, _) => own.Value.TargetCertificate;
            https.OnAuthenticate = (_, handshake) => (handshake.ServerCertificateSelectionCallback, handshake.ServerCertificateContext) = (null, own.Value);
        });
    }

    /// <summary>What is wrong between where the program listens and what it can show there.</summary>
    public static IEnumerable<Fault> Faults(GeoSettings settings, IConfiguration configuration)
    {
        var urls = configuration["ASPNETCORE_URLS"] ?? "";
        // Who sets Kestrel's own endpoints gives their certificates there.
        if (configuration.GetSection("Kestrel").Exists() || urls.Contains("https://", StringComparison.OrdinalIgnoreCase) == settings.Tls is not null)
            yield break;
        yield return settings.Tls is null
            ? new("Geo:Tls:CertificateFile", "is missing, while ASPNETCORE_URLS names an https:// address; give a certificate and, in Geo:Tls:KeyFile, its key, both in PEM")
            : new("ASPNETCORE_URLS", "names no https:// address, while Geo:Tls:CertificateFile is set; write https://0.0.0.0:8443, or leave Geo:Tls out");
    }
}
