using GeoDR.Failover;
using GeoDR.Sites;
using Npgsql;

namespace GeoDR.Api;

/// <summary>Probes for orchestrators and load balancers.</summary>
internal static class Health
{
    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/healthz/live", () => Results.Text("alive")).AllowAnonymous();
        routes.MapGet("/healthz/ready", async (SiteStore sites, CancellationToken cancel) =>
            await ReadAsync(sites, cancel) is null ? Results.Text("the database does not answer", statusCode: 503) : Results.Text("ready")).AllowAnonymous();
        routes.MapGet("/healthz/primary", async (SiteStore sites, StartHold hold, CancellationToken cancel) =>
            hold.IsOpen && await ReadAsync(sites, cancel) is { IsPrimary: true, IsFenced: false, Handover: null } ? Results.Text("primary") : Results.Text("not a confirmed primary", statusCode: 503)).AllowAnonymous();
    }

    private static async Task<Site?> ReadAsync(SiteStore sites, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(TimeSpan.FromSeconds(2));
        try
        {
            return await sites.ReadAsync(limit.Token);
        }
        catch (Exception e) when (e is NpgsqlException or OperationCanceledException && !cancel.IsCancellationRequested)
        {
            return null;
        }
    }
}
