using System.Text.Json;
using GeoDR.Api;
using GeoDR.Configuration;
using GeoDR.EventLog;
using GeoDR.Hosting;
using GeoDR.Reconcile;
using GeoDR.Registry;
using GeoDR.Sites;
using Npgsql;

namespace GeoDR.Failover;

/// <summary>(primary) Hands over to a site that may promote: fences clients by the named means, proves it, and compares its registry with its log once.</summary>
internal sealed class Handover(
    GeoSettings settings, SiteStore sites, RoleChange roles, ReconcileRuns runs, NpgsqlDataSource source, LogAppender log, TimeProvider time) : IDisposable
{
    private readonly SemaphoreSlim _one = new(1, 1);
    private (Guid Promotion, string Proof)? _fenced;

    /// <summary>The reason of the comparison that a handover asks for: it is not held back by the pace.</summary>
    public const string ReasonPrefix = "planned promotion ";

    private static string Reason(Guid promotion) => $"{ReasonPrefix}{promotion}";

    public async Task<FenceAnswer> HandleAsync(FenceCall call, CancellationToken cancel)
    {
        await _one.WaitAsync(cancel);
        try
        {
            return call.Undo ? await UndoAsync(call.Promotion, cancel) : await FenceAsync(call.Promotion, call.Hold, cancel);
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    private async Task<FenceAnswer> FenceAsync(Guid promotion, bool hold, CancellationToken cancel)
    {
        var site = (await sites.ReadAsync(cancel))!;
        if (!site.IsPrimary || site.IsFenced)
            return Refused($"{site.Name} is no confirmed primary");
        if (site.Handover is { } other && other != promotion)
            return Refused($"{site.Name} hands over to another promotion already ({other}); `geodr unfence` ends that");
        if (hold && site.Handover is null)
            return Refused($"{site.Name} was fenced for this promotion and has let its clients in again since");
        await roles.HandOverAsync(promotion, cancel);
        if (_fenced?.Promotion != promotion)
        {
            if (settings.Failover.FenceCommand.Count > 0 && await HookCommand.RunAsync(settings.Failover.FenceCommand, cancel) is { } failed)
                return Refused(failed);
            var (holds, proof) = await ProveAsync(cancel);
            if (!holds)
                return Refused(proof);
            _fenced = (promotion, proof);
        }
        await log.EnsureLogAsync(cancel);
        var (logId, head) = await HeadAsync(cancel);
        // A comparison counts only if it was begun after a fence that still holds.
        return new(null, _fenced.Value.Proof, hold ? await ComparedAsync(promotion, cancel) : "running", logId, head);
    }

    private async Task<FenceAnswer> UndoAsync(Guid promotion, CancellationToken cancel)
    {
        var site = (await sites.ReadAsync(cancel))!;
        if (site.Handover != promotion)
            return new(null, "it was not fenced for this promotion", "done", Guid.Empty, 0);
        if (await UnfenceAsync(cancel) is { } failed)
            return Refused(failed);
        return new(null, "clients are let in", "done", Guid.Empty, 0);
    }

    /// <summary>Lets clients in again. Null when that was done.</summary>
    public async Task<string?> UnfenceAsync(CancellationToken cancel)
    {
        if (settings.Failover.UnfenceCommand.Count > 0 && await HookCommand.RunAsync(settings.Failover.UnfenceCommand, cancel) is { } failed)
            return failed;
        await roles.HandOverAsync(null, cancel);
        _fenced = null;
        return null;
    }

    /// <summary>A client's push must be refused. Without a client's way to try, what was done stands unproven, and the report says so.</summary>
    private async Task<(bool Holds, string Proof)> ProveAsync(CancellationToken cancel)
    {
        if (settings.Failover.Clients is not { } clients)
            return settings.Failover.FenceCommand.Count > 0
                ? (true, "the fence command ended well; that clients are refused was not proven, Geo:Failover:Clients is not set")
                : (false, "nothing fences clients here: set Geo:Failover:FenceCommand, or Geo:Failover:Clients to prove that a proxy does");
        using var client = RegistryClients.Build("clients' registry", clients, settings with { Tokens = new() }, time);
        // A proxy that goes by the role looks only every few seconds.
        for (var begun = time.GetTimestamp(); ;)
        {
            try
            {
                await Canary.PushAsync(client, cancel);
            }
            catch (RegistryException e)
            {
                return (true, $"a client's push is refused: {e.Call}");
            }
            if (time.GetElapsedTime(begun) > TimeSpan.FromSeconds(20))
                return (false, $"clients are not fenced: a push to {clients.Url.Host} was taken");
            await Task.Delay(TimeSpan.FromMilliseconds(500), time, cancel);
        }
    }

    // Once for each promotion, begun after the fence.
    private async Task<string> ComparedAsync(Guid promotion, CancellationToken cancel)
    {
        if (settings.Registry is null)
            return "failed: Geo:Registry is not set at the primary";
        var run = (await runs.ListAsync(20, cancel)).FirstOrDefault(r => r.Reason == Reason(promotion));
        if (run is null)
        {
            await runs.WantAsync(Reason(promotion), cancel);
            return "running";
        }
        return run.Status switch { "done" => "done", "failed" => $"failed: {run.Message}", _ => "running" };
    }

    private async Task<(Guid, long)> HeadAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select l.id, (select coalesce(max(id), 0) from event) from log l");
        await using var row = await command.ExecuteReaderAsync(cancel);
        await row.ReadAsync(cancel);
        return (row.GetGuid(0), row.GetInt64(1));
    }

    private static FenceAnswer Refused(string why) => new(why, "", "", Guid.Empty, 0);
}

/// <summary>The call that asks for it.</summary>
internal static class FenceApi
{
    public static void MapFailoverCalls(this IEndpointRouteBuilder routes) =>
        routes.MapPost("/api/v1/sites/fence", FenceAsync).DisableAntiforgery().AllowAnonymous();

    private static async Task<IResult> FenceAsync(HttpContext http, SiteCallGuard guard, GeoSettings settings, SiteBook book, IServiceProvider services)
    {
        var (caller, body, refusal) = await guard.AuthenticateAsync(http);
        if (caller is null)
            return refusal!;
        if (await book.FindAsync(caller, http.RequestAborted) is not { MayPromote: true, Revoked: false })
            return Results.Problem(statusCode: 403, title: "The site may not promote", detail: $"{caller} has no right to promote here, or was revoked.");
        FenceCall? call;
        try
        {
            call = JsonSerializer.Deserialize<FenceCall>(body, JsonSerializerOptions.Web);
        }
        catch (JsonException)
        {
            call = null;
        }
        if (call is null || call.Promotion == Guid.Empty)
            return Results.Problem(statusCode: 400, title: "The call cannot be understood", detail: "It names the promotion.");
        return services.GetService<Handover>() is { } handover
            ? Results.Ok(await handover.HandleAsync(call, http.RequestAborted))
            : Results.Problem(statusCode: 409, title: "This site is no primary", detail: $"{settings.SiteName} is a secondary and has nothing to hand over.");
    }
}
