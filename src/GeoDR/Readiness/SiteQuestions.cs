using GeoDR.Configuration;
using GeoDR.Failover;
using GeoDR.Sites;
using GeoDR.Status;

namespace GeoDR.Readiness;

/// <summary>Asks every site that this one knows, all at once, with the heartbeat that it would send anyway.</summary>
internal sealed class SiteQuestions(GeoSettings settings, SiteBook book, TermStore terms, PeerStore peers, TimeProvider time)
{
    public async Task<IReadOnlyList<SiteAnswer>> AskAsync(Site site, SiteStatus status, CancellationToken cancel)
    {
        var others = (await book.ListAsync(cancel)).Where(s => s.Name != settings.SiteName && !s.Revoked).ToList();
        var heard = (await peers.ListAsync(cancel)).ToDictionary(p => p.Name, StringComparer.Ordinal);
        var beat = await BeatAsync(site, status, cancel);
        return await Task.WhenAll(others.Select(o => OneAsync(o, heard.GetValueOrDefault(o.Name)?.Status, beat, cancel)));
    }

    private async Task<SiteAnswer> OneAsync(KnownSite other, Heartbeat? heard, Heartbeat beat, CancellationToken cancel)
    {
        SiteAnswer Silent(string why) => new(other.Name, why, null, heard?.Version, null, heard?.Settings);
        if (!Uri.TryCreate(other.Url, UriKind.Absolute, out var url))
            return Silent($"it has no URL here: set Geo:Peers:{other.Name}:Url");
        try
        {
            using var client = SiteClient.Of(settings, time);
            if (client is null)
                return Silent("it cannot be asked without Geo:Site:KeyFile");
            var answer = await client.CallAsync<HeartbeatAnswer>(new(other.Name, url), HttpMethod.Post, "/api/v1/sites/heartbeat", beat, cancel);
            // An answer's date is in whole seconds, and was written before now.
            var ahead = client.ServerTime - time.GetUtcNow() + TimeSpan.FromSeconds(0.5);
            foreach (var signed in answer.Terms?.Take(10) ?? [])
                await terms.HearAsync(signed, cancel);
            return new(other.Name, null, answer.Role, answer.Version ?? heard?.Version, ahead, SettingsCompared.Take(answer.Settings) ?? heard?.Settings);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or System.Security.Cryptography.CryptographicException)
        {
            return Silent(e.Message);
        }
    }

    private async Task<Heartbeat> BeatAsync(Site site, SiteStatus s, CancellationToken cancel) => new(
        settings.SiteName, s.Role, settings.SiteUrl?.ToString(), site.IsPrimary ? null : site.Follows ?? settings.PrimaryPeer?.Name, s.Version, s.Cursor?.LogId, s.Cursor?.EventId,
        new Dictionary<string, long> { ["pending"] = s.Counts.Pending, ["started"] = s.Counts.Started, ["synced"] = s.Counts.Synced, ["failed"] = s.Counts.Failed }, s.Health)
    { Terms = await terms.NewestAsync(cancel), RegistryUrl = settings.SiteKeyFile is null ? null : SettingsBook.Own(settings).RegistryUrl, Settings = ComparedSettings.Of(settings) };
}
