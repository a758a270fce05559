using GeoDR.Sites;
using GeoDR.Status;
using Microsoft.AspNetCore.Components;

namespace GeoDR.Dashboard.Pages;

/// <summary>A primary's log, and the sites that read it.</summary>
public sealed partial class PrimaryOverview : ComponentBase
{
    [Parameter, EditorRequired] public SiteStatus Site { get; set; } = null!;

    [Parameter, EditorRequired] public DateTimeOffset Now { get; set; }

    private IEnumerable<Peer> Secondaries => Site.Peers.Where(p => p.Role == Sites.Site.Secondary);

    private string Lag(Peer peer) => (peer.EventId, Site.Log) switch
    {
        ({ } id, { } log) => Display.Number(Math.Max(0, log.Head - id), "event", "events"),
        _ => "–",
    };

    private static string Counts(Peer peer) => peer.Status?.Counts is { Count: > 0 } counts
        ? string.Join(", ", counts.Where(c => c.Value > 0).Select(c => $"{Display.Number(c.Value)} {c.Key}"))
        : "–";

    // A peer says its own address; only a page may be linked to.
    private static string? Link(Peer peer) =>
        Uri.TryCreate(peer.Url, UriKind.Absolute, out var url) && (url.Scheme is "https" or "http") ? url.AbsoluteUri : null;
}
