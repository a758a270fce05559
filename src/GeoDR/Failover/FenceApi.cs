using System.Text.Json;
using GeoDR.Api;
using GeoDR.Audit;
using GeoDR.Configuration;
using GeoDR.Dashboard.Access;
using GeoDR.EventLog;
using GeoDR.Hosting;
using GeoDR.Reconcile;
using GeoDR.Registry;
using GeoDR.Sites;
using Npgsql;

namespace GeoDR.Failover;

/// <summary>
/// (primary) Hands over to a site that may promote: compares its registry with its log while clients still push, fences them by the named
/// means, proves it, and makes sure that nothing is missing in the log since. Only where that cannot be known otherwise is the registry
/// compared once more, with clients kept out.
/// </summary>
internal sealed class Handover(
    GeoSettings settings, SiteStore sites, RoleChange roles, ReconcileRuns runs, NotificationEcho echo, NpgsqlDataSource source, LogAppender log, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan s_look = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_drain = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan s_fenced = TimeSpan.FromSeconds(15);

    private readonly SemaphoreSlim _one = new(1, 1);
    private (Guid Promotion, string Proof)? _fenced;
    private (Guid Promotion, string? Missing)? _heard;
    private (Guid Promotion, long Since, bool Over)? _drain;

    /// <summary>The reason of the comparisons that a handover asks for: they are not held back by the pace.</summary>
    public const string ReasonPrefix = "planned promotion ";

    private static string Reason(Guid promotion, bool fenced) => $"{ReasonPrefix}{promotion}{(fenced ? ", clients fenced" : "")}";

    /// <param name="caller">The site that asks: for the audit log.</param>
    public async Task<FenceAnswer> HandleAsync(FenceCall call, string caller, CancellationToken cancel)
    {
        await _one.WaitAsync(cancel);
        try
        {
            return call.Undo ? await UndoAsync(call.Promotion, caller, cancel)
                : call.Prepare ? await PrepareAsync(call.Promotion, cancel)
                : await FenceAsync(call.Promotion, call.Hold, caller, cancel);
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    private async Task<string?> RefusalAsync(Guid promotion, CancellationToken cancel)
    {
        var site = (await sites.ReadAsync(cancel))!;
        return !site.IsPrimary || site.IsFenced ? $"{site.Name} is no confirmed primary"
            : site.Handover is { } other && other != promotion ? $"{site.Name} hands over to another promotion already ({other}); `geodr unfence` ends that"
            : settings.Registry is null ? "Geo:Registry is not set at the primary"
            : settings.Failover is { Clients: null, FenceCommand.Count: 0 } ? NothingFences
            : null;
    }

    private async Task<FenceAnswer> PrepareAsync(Guid promotion, CancellationToken cancel)
    {
        if (await RefusalAsync(promotion, cancel) is { } refusal)
            return Refused(refusal);
        var compared = await ComparedAsync(Reason(promotion, fenced: false), cancel);
        return new(null, "", compared == "done" && !await DrainedAsync(promotion, cancel) ? "running" : compared, Guid.Empty, 0);
    }

    // The registry tells of the comparison, too, reading by reading: that stands in its queues before what is waited for behind the fence.
    private async Task<bool> DrainedAsync(Guid promotion, CancellationToken cancel)
    {
        if (_drain is not { } drain || drain.Promotion != promotion)
            drain = (promotion, time.GetTimestamp(), false);
        if (!drain.Over)
            drain.Over = await ComparedSinceAsync(promotion, cancel) is not { } since || await echo.HearAsync(since, s_look, cancel) is not { Final: false }
                || time.GetElapsedTime(drain.Since) > s_drain;
        _drain = drain;
        return drain.Over;
    }

    private async Task<FenceAnswer> FenceAsync(Guid promotion, bool hold, string caller, CancellationToken cancel)
    {
        if (await RefusalAsync(promotion, cancel) is { } refusal)
            return Refused(refusal);
        if ((await sites.ReadAsync(cancel))!.Handover is null)
        {
            if (hold)
                return Refused($"{settings.SiteName} was fenced for this promotion and has let its clients in again since");
            (_fenced, _heard) = (null, null);
        }
        await roles.HandOverAsync(promotion, cancel);
        if (_fenced?.Promotion != promotion)
        {
            if (settings.Failover.FenceCommand.Count > 0 && await HookCommand.RunAsync(settings.Failover.FenceCommand, cancel) is { } failed)
                return Refused(failed);
            var (holds, proof) = await ProveAsync(cancel);
            if (!holds)
                return Refused(proof);
            _fenced = (promotion, proof);
            await NoteAsync(caller, ClientFence.Fenced, promotion, cancel);
        }
        await log.EnsureLogAsync(cancel);
        // What is known of the log counts only if it was learnt after a fence that still holds.
        var (compared, settled) = hold ? await SettleAsync(promotion, cancel) : ("running", "");
        var (logId, head) = await HeadAsync(cancel);
        return new(null, _fenced.Value.Proof, compared, logId, head, settled);
    }

    private async Task<FenceAnswer> UndoAsync(Guid promotion, string caller, CancellationToken cancel)
    {
        var site = (await sites.ReadAsync(cancel))!;
        if (site.Handover != promotion)
            return new(null, "it was not fenced for this promotion", "done", Guid.Empty, 0);
        if (await UnfenceAsync(cancel) is { } failed)
            return Refused(failed);
        await NoteAsync(caller, ClientFence.Unfenced, promotion, cancel);
        return new(null, "clients are let in", "done", Guid.Empty, 0);
    }

    private Task NoteAsync(string caller, string what, Guid promotion, CancellationToken cancel) =>
        new AuditLog(source).NoteAsync(caller, what, null, settings.SiteName, $"promotion {promotion}", cancel);

    /// <summary>Lets clients in again. Null when that was done.</summary>
    public async Task<string?> UnfenceAsync(CancellationToken cancel)
    {
        if (settings.Failover.UnfenceCommand.Count > 0 && await HookCommand.RunAsync(settings.Failover.UnfenceCommand, cancel) is { } failed)
            return failed;
        await roles.HandOverAsync(null, cancel);
        (_fenced, _heard) = (null, null);
        return null;
    }

    /// <summary>A client's push must be refused. Without a client's way to try, what was done stands unproven, and the report says so.</summary>
    private async Task<(bool Holds, string Proof)> ProveAsync(CancellationToken cancel)
    {
        if (settings.Failover.Clients is not { } clients)
            return settings.Failover.FenceCommand.Count > 0
                ? (true, "the fence command ended well; that clients are refused was not proven, Geo:Failover:Clients is not set")
                : (false, NothingFences);
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
            await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancel);
        }
    }

    private async Task<(string Outcome, string Settled)> SettleAsync(Guid promotion, CancellationToken cancel)
    {
        if (_heard?.Promotion != promotion)
            _heard = (promotion, await ComparedSinceAsync(promotion, cancel) is { } since
                ? (await echo.HearAsync(since, s_fenced, cancel))?.Missing : "it was not compared before the fence");
        if (_heard.Value.Missing is not { } missing)
            return ("done", "every instance of the registry has told all that it took");
        return (await ComparedAsync(Reason(promotion, fenced: true), cancel), $"{missing}, so the whole registry was compared with the log");
    }

    private async Task<DateTimeOffset?> ComparedSinceAsync(Guid promotion, CancellationToken cancel) =>
        (await runs.ListAsync(20, cancel)).FirstOrDefault(r => r.Reason == Reason(promotion, fenced: false) && r.Status == "done")?.StartedAt;

    // Once for each promotion and reason.
    private async Task<string> ComparedAsync(string reason, CancellationToken cancel)
    {
        var run = (await runs.ListAsync(20, cancel)).FirstOrDefault(r => r.Reason == reason);
        if (run is null)
            await runs.WantAsync(reason, cancel);
        return run?.Status switch { "done" => "done", "failed" => $"failed: {run.Message}", _ => "running" };
    }

    private async Task<(Guid, long)> HeadAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select l.id, (select coalesce(max(id), 0) from event) from log l");
        await using var row = await command.ExecuteReaderAsync(cancel);
        await row.ReadAsync(cancel);
        return (row.GetGuid(0), row.GetInt64(1));
    }

    private const string NothingFences = "nothing fences clients here: set Geo:Failover:FenceCommand, or Geo:Failover:Clients to prove that a proxy does";

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
        {
            http.Refuse(RefusalKinds.SiteCall, caller);
            return Results.Problem(statusCode: 403, title: "The site may not promote", detail: $"{caller} has no right to promote here, or was revoked.");
        }
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
            ? Results.Ok(await handover.HandleAsync(call, caller, http.RequestAborted))
            : Results.Problem(statusCode: 409, title: "This site is no primary", detail: $"{settings.SiteName} is a secondary and has nothing to hand over.");
    }
}
