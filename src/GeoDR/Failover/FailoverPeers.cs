using GeoDR.Configuration;
using GeoDR.Reconcile;
using GeoDR.Sites;
using GeoDR.Tokens;

namespace GeoDR.Failover;

/// <summary>A planned promotion asks the primary to compare its registry with its log, to fence its clients, or to let them in again.</summary>
/// <param name="Undo">The promotion does not take place.</param>
/// <param name="Prepare">Only the comparison: clients are not fenced yet.</param>
/// <param name="Hold">It was fenced for this promotion, and must have been ever since: what clients pushed in between would be lost.</param>
internal sealed record FenceCall(Guid Promotion, bool Undo = false, bool Prepare = false, bool Hold = false);

/// <summary>How far the primary is with it.</summary>
/// <param name="Refused">Why it is not fenced; null when it is (or, undone, when clients are let in).</param>
/// <param name="Proof">How it was proven, in words.</param>
/// <param name="Compared">"running", "done", or "failed: …": its registry with its log, before the fence or since.</param>
/// <param name="Settled">How it is known that the log holds all that the registry took; for people.</param>
/// <param name="Head">The newest event of its log.</param>
internal sealed record FenceAnswer(string? Refused, string Proof, string Compared, Guid LogId, long Head, string Settled = "");

/// <summary>What a change of roles says to the other sites.</summary>
internal sealed class FailoverPeers(GeoSettings settings, SiteBook book, TermStore terms, IPrimaryInventory primary, SiteClient client)
{
    private static readonly TimeSpan s_fence = TimeSpan.FromSeconds(60);

    public IPrimaryInventory Primary => primary;

    /// <exception cref="HttpRequestException">It does not answer, or refuses the call.</exception>
    public async Task<FenceAnswer> FenceAsync(string site, FenceCall call, CancellationToken cancel) =>
        await client.CallAsync<FenceAnswer>(await AddressAsync(site, cancel), HttpMethod.Post, "/api/v1/sites/fence", call, cancel, s_fence);

    /// <summary>What a site says it is; null where it does not answer.</summary>
    public async Task<HeartbeatAnswer?> AskAsync(string site, CancellationToken cancel)
    {
        try
        {
            return await BeatAsync(site, cancel);
        }
        catch (Exception e) when (e is HttpRequestException or System.Text.Json.JsonException || e is OperationCanceledException && !cancel.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>Tells every known site the newest term.</summary>
    public async Task<IReadOnlyList<(string Name, bool Answered)>> AnnounceAsync(CancellationToken cancel)
    {
        var others = (await book.ListAsync(cancel)).Where(s => s.Name != settings.SiteName && s is { Url: not null, Revoked: false }).ToList();
        return await Task.WhenAll(others.Select(async o => (o.Name, await AskAsync(o.Name, cancel) is not null)));
    }

    private async Task<HeartbeatAnswer> BeatAsync(string site, CancellationToken cancel)
    {
        var beat = new Heartbeat(
            settings.SiteName, "unknown", settings.SiteUrl?.ToString(), null, "", null, null, new Dictionary<string, long>(), "unknown")
        { Terms = await terms.NewestAsync(cancel), RegistryUrl = SettingsBook.Own(settings).RegistryUrl };
        return await client.CallAsync<HeartbeatAnswer>(await AddressAsync(site, cancel), HttpMethod.Post, "/api/v1/sites/heartbeat", beat, cancel);
    }

    private async Task<SiteAddress> AddressAsync(string site, CancellationToken cancel) =>
        Uri.TryCreate((await book.FindAsync(site, cancel))?.Url, UriKind.Absolute, out var url) ? new(site, url)
        : throw new HttpRequestException($"the site {site} has no URL here: set Geo:Peers:{site}:Url");
}
