using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace GeoDR.Lab;

/// <summary>Writes the configuration of CNCF Distribution 2.8. YAML takes JSON strings, so every value is quoted as one.</summary>
internal static class DistributionConfiguration
{
    public static string Text(DistributionOptions options, string storage, int port, int debugPort, string htpasswd)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            version: 0.1
            log:
              level: {options.LogLevel}
              accesslog:
                disabled: true
            storage:
              filesystem:
                rootdirectory: {Quote(storage)}
                maxthreads: 200
              delete:
                enabled: {(options.DeleteEnabled ? "true" : "false")}
            http:
              addr: 127.0.0.1:{port}
              secret: {Quote(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(storage))))}
              debug:
                addr: 127.0.0.1:{debugPort}
                prometheus:
                  enabled: true
                  path: /metrics

            """);
        if (options.Tls is { } tls)
        {
            text.Append(CultureInfo.InvariantCulture, $"""
                  tls:
                    certificate: {Quote(tls.ServerCertificateFile)}
                    key: {Quote(tls.ServerKeyFile)}
                    clientcas: [{Quote(tls.CaFile)}]

                """);
        }

        // Signed schema 1, and manifests with foreign layers from anywhere: kinds that users still have.
        text.Append("compatibility:\n  schema1:\n    enabled: true\nvalidation:\n  manifests:\n    urls:\n      allow: [\"^https?://\"]\n");
        AppendAuth(text, options, htpasswd);
        AppendNotifications(text, options);
        return text.ToString();
    }

    private static void AppendAuth(StringBuilder text, DistributionOptions options, string htpasswd)
    {
        if (options.Token is { } token)
        {
            text.Append(CultureInfo.InvariantCulture, $"""
                auth:
                  token:
                    realm: {Quote(token.Realm.AbsoluteUri)}
                    service: {Quote(token.Service)}
                    issuer: {Quote(token.Issuer)}
                    rootcertbundle: {Quote(token.RootCertificateBundle)}

                """);
        }
        else if (options.Basic is { } basic)
        {
            File.WriteAllText(htpasswd, $"{basic.User}:{BcryptHash(basic.Password)}\n");
            text.Append(CultureInfo.InvariantCulture, $"""
                auth:
                  htpasswd:
                    realm: lab
                    path: {Quote(htpasswd)}

                """);
        }
    }

    private static void AppendNotifications(StringBuilder text, DistributionOptions options)
    {
        if (options.Notifications.Count == 0)
        {
            return;
        }

        text.Append(CultureInfo.InvariantCulture, $"notifications:\n  events:\n    includereferences: {(options.IncludeReferences ? "true" : "false")}\n  endpoints:\n");
        foreach (var endpoint in options.Notifications)
        {
            text.Append(CultureInfo.InvariantCulture, $"""
                    - name: {Quote(endpoint.Name)}
                      url: {Quote(endpoint.Url.AbsoluteUri)}
                      timeout: {endpoint.Timeout.TotalMilliseconds:0}ms
                      threshold: {endpoint.Threshold}
                      backoff: {endpoint.Backoff.TotalMilliseconds:0}ms

                """);
            if (endpoint.Secret is { } secret)
            {
                text.Append(CultureInfo.InvariantCulture, $"      headers:\n        Authorization: [{Quote(secret)}]\n");
            }
        }
    }

    private static string Quote(string value) => System.Text.Json.JsonSerializer.Serialize(value, s_plain);

    private static readonly System.Text.Json.JsonSerializerOptions s_plain = new()
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>htpasswd files of Distribution hold bcrypt alone; the C library has it, .NET has not.</summary>
    private static string BcryptHash(string password) =>
        Marshal.PtrToStringUTF8(Crypt(password, "$2b$05$" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(10)) + "ee"))
        ?? throw new LabException("libcrypt has no bcrypt");

    [DllImport("libcrypt.so.1", EntryPoint = "crypt", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern IntPtr Crypt(string key, string salt);
}
