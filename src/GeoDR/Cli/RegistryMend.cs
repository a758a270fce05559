using GeoDR.Configuration;
using GeoDR.Registry;

namespace GeoDR.Cli;

/// <summary>What to do about a registry's error, in the words of the settings.</summary>
internal static class RegistryMend
{
    /// <param name="key">Where the registry's settings stand: <c>Geo:Registry</c> or <c>Geo:Primary:Registry</c>.</param>
    /// <param name="challenge">How the registry asked for credentials, where it did.</param>
    public static string Of(RegistryException e, string key, RegistrySettings registry, AuthChallenge? challenge)
    {
        if (e.Tls is { } fault)
            return Of(fault, key, registry);
        if (e.Uri.AbsolutePath == Sites.GrantCall.Path)
            return "the primary's GeoDR grants the tokens for its registry, and did not: see its words; it must run, be the primary, and know this site (`geodr site list` there)";
        if (e.IsUnreachable)
            return $"check {key}:Url ({registry.Url}) and that the registry runs{Proxy(registry.Url)}";
        if (!e.IsRefused)
            return $"see the registry's own log; {key}:Url is {registry.Url}";
        if (registry.Username is not null)
            return $"correct {key}:Username and {key}:Password";
        if (challenge?.Service is { } asked && registry.Service is { } set && asked != set)
            return $"the registry names its service '{asked}': set {key}:Service to that, or leave it out";
        return "the registry does not trust the token: Geo:Tokens:Issuer must equal auth.token.issuer in the registry's configuration, "
            + $"Geo:Tokens:CertificateFile must be in its rootcertbundle, {key}:Service must equal its service, and the clocks must agree";
    }

    // The name of a proxy's user stays out of it.
    private static string Proxy(Uri url) => HttpClient.DefaultProxy.GetProxy(url) is { } proxy && proxy != url
        ? $"; it is called by the proxy {proxy.Authority} that the environment names, unless NO_PROXY holds its host"
        : "";

    private static string Of(TlsFault fault, string key, RegistrySettings registry) => fault switch
    {
        TlsFault.OtherName => $"write the name that the registry's certificate is for in {key}:Url, now {registry.Url}",
        TlsFault.OutOfTime => "renew the registry's certificate, or set this machine's clock",
        TlsFault.ClientRefused when registry.ClientCertificateFile is null =>
            $"the registry wants a client certificate: set {key}:ClientCertificateFile and {key}:ClientKeyFile",
        TlsFault.ClientRefused => $"the registry takes no certificate such as that in {key}:ClientCertificateFile: give one that its clientcas signed",
        _ when registry.CaFile is null => $"set {key}:CaFile to the authority that signed the registry's certificate, in PEM",
        _ => $"{key}:CaFile does not hold the authority that signed the registry's certificate: put it there, in PEM",
    };
}
