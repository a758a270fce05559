using System.Text.Json;
using GeoDR.Configuration;
using GeoDR.Inventory;
using GeoDR.Reconcile;
using GeoDR.Sites;
using GeoDR.Status;

namespace GeoDR.Hosting;

/// <summary>Calls the primary's GeoDR, signed with this site's key.</summary>
internal sealed class HeartbeatSender(GeoSettings settings, StatusReader status, TimeProvider time) : IDisposable
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    private readonly SiteClient? _client = SiteClient.Of(settings, time);

    /// <summary>What the settings lack for calls to the primary; null when nothing.</summary>
    public string? Missing =>
        settings.PrimaryUrl is null ? "Geo:Primary:Url"
        : _client is null ? "Geo:Site:KeyFile"
        : settings.PrimaryPeer is null ? "Geo:Peers:NAME:Url with the primary's URL"
        : null;

    /// <summary>Says how this site is and hears what the other is.</summary>
    public async Task<HeartbeatAnswer> SendAsync(CancellationToken cancel)
    {
        var s = await status.ReadAsync(cancel) ?? throw new InvalidOperationException("the site has not been started yet");
        var heartbeat = new Heartbeat(
            settings.SiteName, s.Role, settings.SiteUrl?.ToString(), settings.PrimaryPeer!.Name, s.Version, s.Cursor?.LogId, s.Cursor?.EventId,
            new Dictionary<string, long>
            {
                ["pending"] = s.Counts.Pending, ["started"] = s.Counts.Started, ["synced"] = s.Counts.Synced, ["failed"] = s.Counts.Failed,
            }, s.Health);
        var body = JsonSerializer.SerializeToUtf8Bytes(heartbeat, s_json);
        return await CallAsync<HeartbeatAnswer>(HttpMethod.Post, "/api/v1/sites/heartbeat", "", body, cancel);
    }

    /// <summary>Names in the primary's inventory after the given one.</summary>
    public Task<IReadOnlyList<string>> NamesAsync(string after, CancellationToken cancel) =>
        CallAsync<IReadOnlyList<string>>(HttpMethod.Get, "/api/v1/inventory", $"?after={Uri.EscapeDataString(after)}", [], cancel);

    /// <summary>A page of the primary's fingerprints.</summary>
    public Task<FingerprintPage> FingerprintsAsync(long after, int limit, CancellationToken cancel) =>
        CallAsync<FingerprintPage>(HttpMethod.Get, "/api/v1/fingerprints", $"?after={after}&limit={limit}", [], cancel);

    /// <summary>The tags of one repository in the primary's inventory.</summary>
    public Task<Dictionary<string, string>> TagsAsync(string repository, CancellationToken cancel) =>
        CallAsync<Dictionary<string, string>>(HttpMethod.Get, "/api/v1/inventory", $"?repository={Uri.EscapeDataString(repository)}", [], cancel);

    public void Dispose() => _client?.Dispose();

    private Task<T> CallAsync<T>(HttpMethod method, string path, string query, byte[] body, CancellationToken cancel) =>
        _client!.CallAsync<T>(new(settings.PrimaryPeer!.Name, settings.PrimaryUrl!), method, path, query, body, cancel);
}

/// <summary>The primary's inventory over its API.</summary>
internal sealed class PeerInventory(HeartbeatSender sender) : IInventorySource, IPrimaryInventory
{
    public async Task<FingerprintPage?> FingerprintsAsync(long after, int limit, CancellationToken cancel) =>
        sender.Missing is null ? await AskAsync(() => sender.FingerprintsAsync(after, limit, cancel), cancel) : null;

    public async Task<IReadOnlyDictionary<string, string>> TagsAsync(string repository, CancellationToken cancel) =>
        await AskAsync(() => sender.TagsAsync(repository, cancel), cancel);


    public async Task<IReadOnlyList<string>?> NamesAsync(string after, CancellationToken cancel) =>
        sender.Missing is null ? await sender.NamesAsync(after, cancel) : null;

    private static async Task<T> AskAsync<T>(Func<Task<T>> ask, CancellationToken cancel)
    {
        try
        {
            return await ask();
        }
        catch (Exception e) when (e is HttpRequestException or JsonException || e is OperationCanceledException && !cancel.IsCancellationRequested)
        {
            throw new PeerUnavailableException($"the primary's GeoDR cannot be asked: {e.Message}");
        }
    }
}
