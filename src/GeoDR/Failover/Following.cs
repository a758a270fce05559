using GeoDR.Configuration;
using GeoDR.Registry;
using GeoDR.Sites;

namespace GeoDR.Failover;

/// <summary>
/// The settings with the primary that this site follows now: after a change of primary its record in the database counts, and
/// <c>Geo:Primary</c> is only where the site began.
/// </summary>
internal static class Following
{
    public static async Task<(GeoSettings Settings, IReadOnlyList<Fault> Faults)> ApplyAsync(GeoSettings settings, Site? site, SiteBook book, CancellationToken cancel)
    {
        var known = await book.ListAsync(cancel);
        settings = WithKnown(settings, known);
        if (site is null or { IsPrimary: true } || site.Follows is not { } name || name == settings.PrimaryPeer?.Name && settings.Role == Site.Secondary)
            return (settings, site?.IsPrimary == true ? [] : [.. PrimaryLogSettings.PeerFaults(settings, n => known.Any(k => k.Name == n && k.PublicKey is not null))]);
        var peer = settings.Peers.FirstOrDefault(p => p.Name == name);
        var other = known.FirstOrDefault(k => k.Name == name);
        var url = peer?.Url ?? (Uri.TryCreate(other?.Url, UriKind.Absolute, out var told) ? told : null);
        var registry = peer?.Registry ?? Told(settings, other?.RegistryUrl);
        // Who signs is chosen once, for whichever site is the primary.
        if (registry is { TokensFrom: null, Username: null })
            registry = registry with { TokensFrom = settings.PrimaryRegistry?.TokensFrom };
        var faults = new List<Fault>();
        if (url is null)
            faults.Add(new($"Geo:Peers:{name}:Url", $"is missing; this site follows {name} since its promotion and has not been told where it is"));
        if (registry is null)
            faults.Add(new($"Geo:Peers:{name}:Registry:Url", $"is missing; this site follows {name} since its promotion and has not been told where its registry is"));
        if (settings.Registry is null)
            faults.Add(new("Geo:Registry:Url", $"is missing; this site is a secondary of {name} and copies into its own registry"));
        return (settings with
        {
            PrimaryUrl = url, PrimaryLog = peer?.Log ?? url?.ToString(), PrimaryRegistry = registry,
            Peers = [.. settings.Peers.Where(p => p.Name != name), (peer ?? new(name, url, null)) with { Url = url }],
        }, faults);
    }

    /// <summary>The settings with the name of the primary, where they give its URL alone and the book knows whose that is: one of them joined the other.</summary>
    public static GeoSettings WithKnown(GeoSettings settings, IReadOnlyList<KnownSite> known)
    {
        foreach (var url in new[] { settings.PrimaryUrl, settings.PrimaryLogUrl })
            if (url is not null && !settings.Peers.Any(p => p.Url is not null && SettingsReader.SameUrl(p.Url, url))
                && known.FirstOrDefault(k => k.Name != settings.SiteName && Uri.TryCreate(k.Url, UriKind.Absolute, out var at) && SettingsReader.SameUrl(at, url)) is { } site)
                settings = settings with { Peers = [.. settings.Peers.Where(p => p.Name != site.Name), (settings.Peers.FirstOrDefault(p => p.Name == site.Name) ?? new(site.Name, null, null)) with { Url = url }] };
        return settings;
    }

    // Who allows plain http to its own registry is in a network where it is right.
    private static RegistrySettings? Told(GeoSettings settings, string? url) =>
        Uri.TryCreate(url, UriKind.Absolute, out var registry) && (registry.Scheme == Uri.UriSchemeHttps || settings.Registry?.AllowHttp == true)
            ? new() { Url = registry, AllowHttp = registry.Scheme == Uri.UriSchemeHttp, CaFile = settings.Registry?.CaFile,
                Certificates = RegistryCertificates.Of("Geo:Registry", settings.Registry?.CaFile, null, null) } : null;
}
