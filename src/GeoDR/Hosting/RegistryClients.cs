using GeoDR.Configuration;
using GeoDR.Registry;
using GeoDR.Sites;
using GeoDR.Status;
using GeoDR.SyncState;
using GeoDR.Tokens;

namespace GeoDR.Hosting;

/// <summary>Builds the clients of the two registries from the settings.</summary>
internal static class RegistryClients
{
    /// <summary>The <c>sub</c> of this site's tokens: how its own writes are told in notifications.</summary>
    public static string Subject(string site) => $"geodr-{site}";

    /// <summary>How this program names itself to registries.</summary>
    public static string UserAgent(string site) => $"geodr/{StatusReader.Version} ({site})";

    /// <summary>Null where this site signs no tokens.</summary>
    /// <exception cref="TokenKeyException">Its key cannot be used, and none was read before.</exception>
    public static TokenSigner? Signer(GeoSettings settings, TimeProvider time)
    {
        if (settings.Tokens is not { Issuer: { } issuer, Key: { } key })
            return null;
        _ = key.Value;
        return new(key, issuer, Subject(settings.SiteName), settings.Tokens.Lifetime, time);
    }

    /// <param name="sites">Names the term to ask the primary for tokens with; without it this site asks for none.</param>
    public static RegistryClient Build(
        string name, RegistrySettings registry, GeoSettings settings, TimeProvider time, Func<string, string>? nameAt = null, SiteStore? sites = null)
    {
        var options = new RegistryOptions
        {
            Name = name, Url = registry.Url, Username = registry.Username, Password = registry.Password, Service = registry.Service,
            Realms = registry.Realms, BlobHosts = registry.BlobHosts, Certificates = registry.Certificates, AllowHttp = registry.AllowHttp,
            Connections = settings.Sync.ConnectionsPerRegistry, IdleTimeout = settings.Sync.IdleTimeout,
            UserAgent = UserAgent(settings.SiteName), NameAt = nameAt ?? (name => name),
        };
        var isGranted = name == Peers.PrimaryRegistry && sites is not null && TokensFrom.IsPrimary(registry, settings);
        var granted = isGranted ? GrantedTokens.Of(name, settings, sites!, time) : null;
        var signer = isGranted ? null : Signer(settings, time);
        return new RegistryClient(options, challenge => TokenSources.For(challenge, options, signer, time, granted));
    }
}
