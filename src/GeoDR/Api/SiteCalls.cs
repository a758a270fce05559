using System.Text.Json;
using GeoDR.Configuration;
using GeoDR.Failover;
using GeoDR.Inventory;
using GeoDR.Sites;
using GeoDR.Status;

namespace GeoDR.Api;

/// <summary>Calls between sites, each signed by the caller's key.</summary>
internal static class SiteCalls
{
    private const int MaxFingerprints = 1000;
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    public static void MapSiteCalls(this IEndpointRouteBuilder routes)
    {
        routes.MapPost("/api/v1/sites/heartbeat", HeartbeatAsync).DisableAntiforgery().AllowAnonymous();
        routes.MapGet("/api/v1/inventory", InventoryAsync).AllowAnonymous();
        routes.MapGet("/api/v1/fingerprints", FingerprintsAsync).AllowAnonymous();
        routes.MapLog();
    }

    private static async Task<IResult> HeartbeatAsync(HttpContext http, SiteCallGuard guard, GeoSettings settings, PeerStore peers, SiteStore sites, SiteBook book, TermStore terms, FailoverRuns runs, StatusReader status)
    {
        var (caller, body, refusal) = await guard.AuthenticateAsync(http);
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
        // A promotion only asks and tells; how its site is, its own heartbeat says.
        if (heartbeat.Role is Site.Primary or Site.Secondary)
            await peers.HeardAsync(heartbeat with { Terms = null, Settings = Readiness.SettingsCompared.Take(heartbeat.Settings), Figures = SiteFigures.Take(heartbeat.Figures) }, http.RequestAborted);
        var site = (await sites.ReadAsync(http.RequestAborted))!;
        var now = await status.ReadAsync(http.RequestAborted);
        return Results.Ok(new HeartbeatAnswer(site.Name, site.Role, site.IsPrimary ? null : site.Follows ?? settings.PrimaryPeer?.Name, now?.Log?.Head ?? 0)
        { Terms = await terms.NewestAsync(http.RequestAborted), Undone = await runs.UndoneAsync(http.RequestAborted), Sites = await book.ListAsync(http.RequestAborted), Version = now?.Version, Health = now?.Health, Figures = now?.ToFigures(), Settings = ComparedSettings.Of(settings) });
    }

    private static async Task<IResult> InventoryAsync(
        HttpContext http, SiteCallGuard guard, InventoryStore inventory, string? after, string? repository)
    {
        var (caller, _, refusal) = await guard.AuthenticateAsync(http);
        return caller is null ? refusal!
            : repository is null ? Results.Ok(await inventory.RepositoriesAsync(after ?? "", 200, http.RequestAborted))
            : Results.Ok(await inventory.TagsAsync(repository, http.RequestAborted));
    }

    private static async Task<IResult> FingerprintsAsync(HttpContext http, SiteCallGuard guard, Fingerprints fingerprints, long? after, int? limit)
    {
        var (caller, _, refusal) = await guard.AuthenticateAsync(http);
        if (caller is null)
            return refusal!;
        if (limit is < 1 or > MaxFingerprints)
            return Results.Problem(statusCode: 400, title: "The call cannot be understood", detail: $"limit is from 1 to {MaxFingerprints}");
        return await fingerprints.PageAsync(after ?? 0, limit ?? MaxFingerprints, http.RequestAborted) is { } page
            ? Results.Ok(page)
            : Results.Problem(statusCode: 404, title: "This site has no log", detail: "Ask a primary that has been started.");
    }
}
