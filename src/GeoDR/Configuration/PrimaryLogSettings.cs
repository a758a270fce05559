namespace GeoDR.Configuration;

/// <summary><c>Geo:Primary:Log</c> where it is the URL of the primary's GeoDR.</summary>
public static class PrimaryLogSettings
{
    private const string Key = "Geo:Primary:Log";

    /// <summary>Whether it is meant as one.</summary>
    public static bool IsUrl(string log) =>
        log.StartsWith("https:", StringComparison.OrdinalIgnoreCase) || log.StartsWith("http:", StringComparison.OrdinalIgnoreCase);

    /// <summary>Null where the log is read from PostgreSQL, or the URL is none that can be used.</summary>
    public static Uri? UrlOf(string? log) =>
        log is not null && IsUrl(log) && Uri.TryCreate(log, UriKind.Absolute, out var url)
        && url is { Host.Length: > 0, AbsolutePath: "/", Query: "", Fragment: "", UserInfo: "" } ? url : null;

    /// <summary>What is missing to read the log from a URL.</summary>
    public static IEnumerable<Fault> Faults(GeoSettings s)
    {
        if (s.PrimaryLogUrl is not { } url)
        {
            yield return new(Key, "is no URL that can be used; write https://host[:port] of the primary's GeoDR, without a path, as in its Geo:Site:Url");
            yield break;
        }
        if (url.Scheme == Uri.UriSchemeHttp && !s.PrimaryAllowHttp)
            yield return new(Key, "is plain http; use https, or set Geo:Primary:AllowHttp to true");
        if (s.SiteUrl is not null && SettingsReader.SameUrl(s.SiteUrl, url))
            yield return new(Key, "is this site's own Geo:Site:Url; name the primary's");
        if (s.SiteKeyFile is null)
            yield return new("Geo:Site:KeyFile", $"is missing; {Key} is a URL, and calls to another site are signed: make a key with `geodr key new`");
    }

    /// <summary>What is missing to know whose log that is; seen with the sites that the database knows.</summary>
    /// <param name="hasKey">Whether a site's key is known there.</param>
    public static IEnumerable<Fault> PeerFaults(GeoSettings s, Func<string, bool> hasKey)
    {
        if (s.Role != Sites.Site.Secondary || s.PrimaryLogUrl is not { } url)
            yield break;
        if (s.PrimaryLogPeer is not { } peer)
            yield return new("Geo:Peers", $"names no site with the URL {url.Authority}; {Key} is read there, so join that site with `geodr site join`, or set Geo:Peers:NAME:Url to it, NAME being the primary's Geo:Site:Name");
        else if (peer.PublicKeyFile is null && !hasKey(peer.Name))
            yield return new($"Geo:Peers:{peer.Name}:PublicKeyFile", $"is missing; {Key} is read from that site: give its public key, from `geodr key new` there, or join it with `geodr site join`");
    }
}
