using GeoDR.Configuration;
using GeoDR.Sites;

namespace GeoDR.Failover;

/// <summary>Writes the sites that the settings name, this one among them, into the site's book.</summary>
internal static class SettingsBook
{
    public static async Task WriteAsync(GeoSettings settings, SiteBook book, CancellationToken cancel)
    {
        var sites = settings.Peers.Select(p => new KnownSite(
            p.Name, Text(p.Url), p.PublicKeyFile is { } file ? File.ReadAllText(file) : null, p.MayPromote, false, "settings", Text(p.Registry?.Url))).ToList();
        sites.Add(Own(settings));
        await book.SetAsync(sites, cancel);
    }

    /// <summary>This site, as others are told of it.</summary>
    public static KnownSite Own(GeoSettings settings) => new(
        settings.SiteName, Text(settings.SiteUrl), settings.SiteKey?.Value.PublicPem, settings.Failover.MayPromote, false, "settings",
        Text(settings.RegistryUrl ?? settings.Registry?.Url));

    private static string? Text(Uri? url) => url?.AbsoluteUri.TrimEnd('/');
}
