using GeoDR.Configuration;
using GeoDR.EventLog;
using GeoDR.Hosting;
using GeoDR.Intake;
using GeoDR.Readiness;
using GeoDR.Reconcile;
using GeoDR.Sites;
using GeoDR.Status;
using GeoDR.Tokens;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Npgsql;

namespace GeoDR.Failover;

/// <summary>What terms, roles and their changes are made of.</summary>
internal static class FailoverComposition
{
    /// <summary>For every process: it ends when the site's part is another than the one it was composed for.</summary>
    public static IServiceCollection AddSiteWatch(this IServiceCollection services, Site site) => services
        .AddSingleton(p => new SiteWatch(
            p.GetRequiredService<SiteStore>(), p.GetRequiredService<NpgsqlDataSource>(), site.Part, p.GetRequiredService<IHostApplicationLifetime>(),
            p.GetRequiredService<ILogger<SiteWatch>>(), p.GetRequiredService<TimeProvider>()))
        .AddSingleton<IHostedService>(p => p.GetRequiredService<SiteWatch>());

    /// <param name="again">The process ran before the site's part changed: it was not away.</param>
    public static IServiceCollection AddFailover(this IServiceCollection services, GeoSettings settings, bool again) => services
        .AddSingleton(p => new StartHold(again, p.GetRequiredService<TimeProvider>())).AddSingleton<TermStore>().AddSingleton<SiteRows>().AddSingleton<PeerKeyFiles>().AddSingleton<RoleChange>()
        .AddSingleton<DivergentWrites>().AddSingleton<DivergentSink>()
        .AddSingleton(new OwnWriter(settings.Registry?.Username ?? RegistryClients.Subject(settings.SiteName), RegistryClients.UserAgent(settings.SiteName)))
        .AddSingleton<DivergentTags>().AddSingleton<FailoverRuns>().AddSingleton<TokenGrants>().AddSingleton<Invitations>().AddSingleton<SeenCalls>().AddReadiness(settings)
        .AddSingleton(p => new PromotionStart(settings, p.GetRequiredService<NpgsqlDataSource>(), p.GetService<FailoverPeers>()))
        .AddSingleton<InvitationStart>().AddSingleton<ClientFence>().AddSingleton<DemotionStart>().AddSingleton<TermChoice>().AddSingleton<Revocation>().AddSingleton<SiteRemoval>()
        .AddCalls(settings)
        .AddHostedService<HeartbeatLoop>().AddHostedService<FollowLoop>().AddHostedService<FailoverLoop>();

    // Without a key of its own a site calls nobody. A primary without Geo:Registry compares nothing, and calls all the same.
    private static IServiceCollection AddCalls(this IServiceCollection services, GeoSettings settings)
    {
        if (settings.SiteKeyFile is null)
            return services;
        services.TryAddSingleton<HeartbeatSender>();
        services.TryAddSingleton<IPrimaryInventory, PeerInventory>();
        return services.AddSingleton(p => SiteClient.Of(settings, p.GetRequiredService<TimeProvider>())!).AddSingleton<FailoverPeers>();
    }
}
