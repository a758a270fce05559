using System.Security.Cryptography;
using GeoDR.Registry;

namespace GeoDR.Configuration;

/// <summary>Certificates that are named and cannot be used: said at the start, not at the first call.</summary>
internal static class CertificateFaults
{
    public static IEnumerable<Fault> Of(GeoSettings settings) => Of("Geo:Registry", settings.Registry).Concat(Of("Geo:Primary:Registry", settings.PrimaryRegistry))
        .Concat(Authorities("Geo:Primary", settings.PrimaryCaFile)).Concat(Pair("Geo:Tls:", settings.TlsCertificateFile, settings.TlsKeyFile));

    private static IEnumerable<Fault> Of(string key, RegistrySettings? registry)
    {
        foreach (var fault in Authorities(key, registry?.CaFile))
            yield return fault;
        foreach (var fault in Pair($"{key}:Client", registry?.ClientCertificateFile, registry?.ClientKeyFile))
            yield return fault;
    }

    /// <param name="prefix">What <c>CertificateFile</c> and <c>KeyFile</c> are written behind.</param>
    private static IEnumerable<Fault> Pair(string prefix, string? certificate, string? secret)
    {
        if (secret is not null && certificate is null)
            yield return new($"{prefix}CertificateFile", $"is missing; it belongs to {prefix}KeyFile");
        if (certificate is not null && File.Exists(certificate) && (secret is null || File.Exists(secret))
            && Try(() => RegistryCertificates.LoadWithKey(certificate, secret)) is { } fault)
            yield return new($"{prefix}CertificateFile", $"cannot be used: {fault}; give a certificate and, in {prefix}KeyFile, its key, both in PEM");
    }

    private static IEnumerable<Fault> Authorities(string key, string? file)
    {
        // A file that is not there was said before.
        if (file is not null && File.Exists(file) && Try(() => RegistryCertificates.LoadAuthorities(file)) is { } fault)
            yield return new($"{key}:CaFile", $"names a file that cannot be used: {fault}; give certificates in PEM");
    }

    private static string? Try(Func<object> load)
    {
        try
        {
            (load() as IDisposable)?.Dispose();
            return null;
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }
}
