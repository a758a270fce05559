using GeoDR.Configuration;
using GeoDR.Sites;
using GeoDR.Status;

namespace GeoDR.Dashboard.Overview;

/// <summary>One step from nothing to the first synced image.</summary>
/// <param name="Words">What it is for and what to do; commands and settings between backticks.</param>
/// <param name="Paste">To be copied as it is; null where there is nothing to copy.</param>
public sealed record FirstStep(string Title, bool Done, string Words, string? Paste = null);

/// <summary>The way from a fresh site to the first synced image, with what is done already.</summary>
public static class FirstSteps
{
    public static IReadOnlyList<FirstStep> Of(SiteStatus site, GeoSettings settings) => site.Role == Site.Primary ? OfPrimary(site, settings) : OfSecondary(site, settings);

    private static IReadOnlyList<FirstStep> OfPrimary(SiteStatus site, GeoSettings settings) =>
    [
        Runs(site),
        new("The registry is named", settings.Registry is not null,
            "`Geo:Registry:Url` is the registry that people push to. GeoDR reads it to find what no notification told of; `geodr check` proves that it may.", "Geo__Registry__Url=https://registry.example"),
        new("The registry tells of pushes", site.Log is { Head: > 0 },
            "Put this into the registry's configuration and restart it; other registries are in `docs/how-to/other-registries.md`. "
            + (settings.Secrets.Value.Length > 0 ? "THE-SECRET is one of `Geo:Notifications:Secrets`." : "No secret is set yet: choose one, and give it as `Geo__Notifications__Secrets__0` too."),
            Notifications(settings)),
        new("An image is pushed", site.Log is { Head: > 0 }, "Any image, the usual way. This step is done as soon as the registry has told of it.", Push(settings.RegistryUrl ?? settings.Registry?.Url)),
        new("A second site joins", site.Peers.Count > 0,
            "The invitation is printed with the line to run at the second site; it is good once, and for 15 minutes.", "geodr site invite --name NAME --may-promote"),
        new("The second site holds an image", site.Peers.Any(p => p.Status?.Counts.GetValueOrDefault("synced") > 0), "Seen at `Sites`, a few seconds after the push."),
    ];

    private static IReadOnlyList<FirstStep> OfSecondary(SiteStatus site, GeoSettings settings) =>
    [
        Runs(site),
        new("The primary's log is read", site.Cursor is { Problem: null },
            site.Cursor?.Problem ?? "`Geo:Primary:Log` says where: the primary's GeoDR, or its database. `geodr site join` sets it from an invitation; `geodr check` says what is in the way."),
        new("Both registries answer", site is { Outages.Count: 0, Workers: > 0 },
            site.Outages is [{ } outage, ..] ? $"{outage.Peer}: {outage.Detail}" : "Pulled from at the primary, pushed to here. `geodr check` proves both, with the mend where something is wrong."),
        new("A push is heard of", site.Counts.Total > 0, "Push an image at the primary. What was there before is found by itself.", Push(settings.PrimaryRegistry?.Url)),
        new("The image is here", site.Counts.Synced > 0, "With its layers, digest by digest; `geodr drill` pulls it as a client would."),
    ];

    private static FirstStep Runs(SiteStatus site) => new("GeoDR runs", true, $"{site.Name}, {site.Role}, version {site.Version}.");

    private static string Push(Uri? registry)
    {
        var image = $"{registry?.Authority ?? "registry.example"}/first/image:1";
        return $"docker tag IMAGE {image}\ndocker push {image}";
    }

    private static string Notifications(GeoSettings settings) => $"""
        notifications:
          events:
            includereferences: true
          endpoints:
            - name: geodr
              url: {new Uri(settings.SiteUrl ?? new("https://this-geodr.example"), "/api/v4/container_registry_event/events")}
              headers:
                Authorization: [Bearer THE-SECRET]
              timeout: 1s
              threshold: 5
              backoff: 1s
              ignore:
                mediatypes: [application/octet-stream]
                actions: [pull]
        """;
}
