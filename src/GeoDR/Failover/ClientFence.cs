using GeoDR.Audit;
using GeoDR.Configuration;
using GeoDR.Sites;
using Npgsql;

namespace GeoDR.Failover;

/// <summary>Keeps clients from writing to this site's registry, or lets them, by the named means and by the mark that load balancers go by.</summary>
internal sealed class ClientFence(GeoSettings settings, NpgsqlDataSource source)
{
    /// <summary>In the audit log.</summary>
    public const string Fenced = "fenced", Unfenced = "unfenced";

    /// <summary>What it would do, for whoever is to confirm it.</summary>
    public string InWords(bool fence) => fence
        ? $"Clients can no longer push to {settings.SiteName}'s registry, until they are let in again. {Means(fence)}"
        : $"Clients can push to {settings.SiteName}'s registry again; a handover that was left here ends. {Means(fence)}";

    /// <summary>Does it, and answers in words.</summary>
    /// <exception cref="RoleChangedException">It could not be done.</exception>
    public async Task<string> SetAsync(bool fence, string by, CancellationToken cancel)
    {
        var hook = Hook(fence);
        if (hook.Count == 0 && await new SiteStore(source).ReadAsync(cancel) is not { IsPrimary: true })
            throw new RoleChangedException($"{settings.SiteName} is no primary, and no {Key(fence)} is set: there is nothing to do.");
        if (hook.Count > 0 && await HookCommand.RunAsync(hook, cancel) is { } failed)
            throw new RoleChangedException(failed);
        await new RoleChange(source, TimeProvider.System).HandOverAsync(fence ? Guid.NewGuid() : null, cancel);
        await new AuditLog(source).NoteAsync(by, fence ? Fenced : Unfenced, null, settings.SiteName, Means(fence), cancel);
        return (fence ? "Clients are fenced. " : "Clients are let in. ") + Means(fence);
    }

    private IReadOnlyList<string> Hook(bool fence) => fence ? settings.Failover.FenceCommand : settings.Failover.UnfenceCommand;

    private static string Key(bool fence) => $"Geo:Failover:{(fence ? "FenceCommand" : "UnfenceCommand")}";

    private string Means(bool fence) => Hook(fence).Count > 0 ? $"By {Key(fence)}, and /healthz/primary." : $"By /healthz/primary alone: no {Key(fence)} is set.";
}
