using System.Text.Json;
using GeoDR.Configuration;
using GeoDR.Failover;
using GeoDR.Inventory;
using GeoDR.Sites;
using GeoDR.Status;
using GeoDR.Tokens;

namespace GeoDR.Api;

/// <summary>Calls between sites, each signed by the caller's key.</summary>
internal static class SiteCalls
{
    private const int MaxBody = 1024 * 1024;
    private const int MaxFingerprints = 1000;
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    public static void MapSiteCalls(this IEndpointRouteBuilder routes)
    {
        routes.MapPost("/api/v1/sites/heartbeat", HeartbeatAsync).DisableAntiforgery().AllowAnonymous();
        routes.MapGet("/api/v1/inventory", InventoryAsync).AllowAnonymous();
        routes.MapGet("/api/v1/fingerprints", FingerprintsAsync).AllowAnonymous();
    }

    private static async Task<IResult> HeartbeatAsync(HttpContext http, GeoSettings settings, PeerStore peers, SiteStore sites, SiteBook book, TermStore terms, StatusReader status, TimeProvider time)
    {
        var (caller, body, refusal) = await AuthenticateAsync(http, settings, time);
        if (caller is null)
            return refusal!;
        Heartbeat? heartbeat;
        try
        {
            heartbeat = JsonSerializer.Deserialize<Heartbeat>(body, s_json);
        }
        catch (JsonException)
        {
            heartbeat = null;
        }
        if (heartbeat?.Name != caller || heartbeat.Counts is null)
            return Results.Problem(statusCode: 400, title: "The heartbeat cannot be understood", detail: "Its name must be the caller's.");
        foreach (var signed in heartbeat.Terms?.Take(10) ?? [])
            await terms.HearAsync(signed, http.RequestAborted);
        // What a site says of itself, under its own key.
        await book.TellAsync([new(caller, heartbeat.Url, null, true, false, "told", heartbeat.RegistryUrl)], http.RequestAborted);
        await peers.HeardAsync(heartbeat with { Terms = null }, http.RequestAborted);
        var site = (await sites.ReadAsync(http.RequestAborted))!;
        var now = await status.ReadAsync(http.RequestAborted);
        return Results.Ok(new HeartbeatAnswer(site.Name, site.Role, site.IsPrimary ? null : site.Follows ?? settings.PrimaryPeer?.Name, now?.Log?.Head ?? 0)
        { Terms = await terms.NewestAsync(http.RequestAborted), Sites = await book.ListAsync(http.RequestAborted) });
    }

    private static async Task<IResult> InventoryAsync(
        HttpContext http, GeoSettings settings, InventoryStore inventory, TimeProvider time, string? after, string? repository)
    {
        var (caller, _, refusal) = await AuthenticateAsync(http, settings, time);
        return caller is null ? refusal!
            : repository is null ? Results.Ok(await inventory.RepositoriesAsync(after ?? "", 200, http.RequestAborted))
            : Results.Ok(await inventory.TagsAsync(repository, http.RequestAborted));
    }

    private static async Task<IResult> FingerprintsAsync(HttpContext http, GeoSettings settings, Fingerprints fingerprints, TimeProvider time, long? after, int? limit)
    {
        var (caller, _, refusal) = await AuthenticateAsync(http, settings, time);
        if (caller is null)
            return refusal!;
        if (limit is < 1 or > MaxFingerprints)
            return Results.Problem(statusCode: 400, title: "The call cannot be understood", detail: $"limit is from 1 to {MaxFingerprints}");
        return await fingerprints.PageAsync(after ?? 0, limit ?? MaxFingerprints, http.RequestAborted) is { } page
            ? Results.Ok(page)
            : Results.Problem(statusCode: 404, title: "This site has no log", detail: "Ask a primary that has been started.");
    }

    public static async Task<(string? Caller, byte[] Body, IResult? Refusal)> AuthenticateAsync(HttpContext http, GeoSettings settings, TimeProvider time)
    {
        if (http.Request.ContentLength > MaxBody)
            return (null, [], Results.Problem(statusCode: 413, title: "The call is too long"));
        using var buffer = new MemoryStream();
        await http.Request.Body.CopyToAsync(buffer, http.RequestAborted);
        var body = buffer.ToArray();
        var header = http.Request.Headers.Authorization.ToString();
        var token = header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? header[7..].Trim() : "";
        var issuer = SiteToken.ReadIssuer(token);
        var peer = settings.Peers.FirstOrDefault(p => p.Name == issuer);
        if (peer?.PublicKeyFile is null)
            return (null, [], Refuse("The calling site is not known here: set Geo:Peers:NAME:PublicKeyFile."));
        using var key = SiteKey.LoadPublic(peer.PublicKeyFile);
        var result = SiteToken.Verify(token, key, settings.SiteName, http.Request.Method, http.Request.Path, body, time.GetUtcNow());
        return result == SiteTokenResult.Valid ? (issuer, body, null) : (null, [], Refuse($"The call's token was refused: {result}."));
    }

    private static IResult Refuse(string detail) => Results.Problem(statusCode: 401, title: "The call between sites was refused", detail: detail);
}
