using GeoDR.Api;
using GeoDR.Configuration;
using GeoDR.EventLog;
using GeoDR.Failover;
using GeoDR.Intake;
using GeoDR.Inventory;
using GeoDR.Jobs;
using GeoDR.Notifications;
using GeoDR.Reconcile;
using GeoDR.Registry;
using GeoDR.Schedules;
using GeoDR.Sites;
using GeoDR.Status;
using GeoDR.Sync;
using GeoDR.SyncState;
using GeoDR.Tailing;
using GeoDR.Verification;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Npgsql;

namespace GeoDR.Hosting;

/// <summary>What a process of a site is made of, step by step of a push's path.</summary>
internal static class SiteComposition
{
    /// <summary>As workers and attempts name this process.</summary>
    private static readonly string s_node = $"{Environment.MachineName}/{Environment.ProcessId}";

    public static IServiceCollection AddSite(this IServiceCollection services, GeoSettings settings) => services
        .AddSingleton(settings)
        .AddSingleton(TimeProvider.System)
        .AddSingleton(_ => SiteDatabase.Open(settings.Database))
        .AddSingleton<SiteStore>().AddSingleton<SiteBook>().AddSingleton<PeerStore>().AddSingleton<StatusReader>().AddSingleton<RepositoryList>().AddSingleton<AttemptList>()
        .AddSingleton<QuarantineStore>().AddSingleton<LossReader>().AddSingleton<EventList>().AddSingleton<FailureGroups>().AddSingleton<WorkerList>().AddSingleton<IntakeReader>().AddSingleton<History>().AddSingleton<Metrics.SyncCounters>()
        .AddSingleton<Requests>().AddSingleton<Outages>().AddSingleton<InventoryStore>().AddSingleton<Fingerprints>()
        .AddSingleton<ReconcileRuns>().AddSingleton<Notices>()
        .AddSingleton<Checks>().AddSingleton<VerifyRequests>().AddSingleton<DamageList>()
        .AddDeletionViews().AddScheduleViews();

    /// <summary>What answers the calls of other sites.</summary>
    public static IServiceCollection AddSiteCalls(this IServiceCollection services) => services
        .AddSingleton<SiteCallGuard>()
        .AddSingleton(p => new OwnLog(new LogReader(p.GetRequiredService<NpgsqlDataSource>(), Clock(p))))
        .AddSingleton<LogNews>().AddHostedService(p => p.GetRequiredService<LogNews>());

    /// <summary>Comparing what is known with what the registry says; where this site's registry is set.</summary>
    public static IServiceCollection AddReconcile(this IServiceCollection services, GeoSettings settings)
    {
        if (settings.Registry is null)
            return services;
        services.TryAddSingleton(p => new OwnRegistry(RegistryClients.Build(Peers.OwnRegistry, settings.Registry, settings, Clock(p), settings.Selection.Map.At)));
        services.TryAddSingleton<HeartbeatSender>();
        services.TryAddSingleton<IPrimaryInventory, PeerInventory>();
        return services.AddSingleton<Reconciler>();
    }

    public static IServiceCollection AddPrimary(this IServiceCollection services, GeoSettings settings) => services
        .AddSingleton(_ => new LogAppender(SiteDatabase.OpenForAppend(settings.Database)))
        .AddSingleton(p => new AppendQueue(p.GetRequiredService<LogAppender>().AppendAsync, p.GetRequiredService<TimeProvider>()))
        .AddSingleton<LogSink>().AddSingleton<IEventSink, PrimarySink>().AddSingleton<NotificationEcho>().AddSingleton<Handover>().AddHostedService<DecisionLoop>()
        .AddSingleton(new NotificationSecrets(settings.Secrets))
        .AddSingleton<InventoryFold>()
        .AddHostedService<AppendLoop>().AddHostedService<BeatLoop>().AddHostedService<InventoryLoop>();

    public static IServiceCollection AddSecondary(this IServiceCollection services, GeoSettings settings, string? follows) => services
        .AddSingleton<IEventSink>(p => p.GetRequiredService<DivergentSink>())
        .AddSingleton(new NotificationSecrets(settings.Secrets))
        .AddSingleton(p => PrimaryLogs.Open(settings, Clock(p)))
        .AddSingleton(p => new Tailer(p.GetRequiredService<ILogReader>(), p.GetRequiredService<NpgsqlDataSource>(), settings.Selection, follows))
        .AddSingleton<HeartbeatSender>()
        .AddSingleton<IInventorySource, PeerInventory>()
        .AddSingleton(p => new TagComparison(p.GetRequiredService<InventoryStore>(), p.GetRequiredService<IPrimaryInventory>(), settings.Selection))
        .AddHostedService<TailLoop>().AddHostedService<RequestLoop>().AddHostedService<CompareLoop>().AddHostedService<OfferLoop>();

    /// <summary>The part that any number of processes may run on one tracking database.</summary>
    public static IServiceCollection AddSync(this IServiceCollection services, GeoSettings settings, string? follows, IJobEngine engine) => services
        .AddSingleton(p => new PrimaryRegistry(RegistryClients.Build(Peers.PrimaryRegistry, settings.PrimaryRegistry!, settings, Clock(p), sites: p.GetRequiredService<SiteStore>())))
        .AddSingleton(p => new OwnRegistry(RegistryClients.Build(Peers.OwnRegistry, settings.Registry!, settings, Clock(p), settings.Selection.Map.At)))
        .AddSingleton(p => new Probes(
            new PeerProbe(Peers.PrimaryRegistry, p.GetRequiredService<PrimaryRegistry>().Client, p.GetRequiredService<Outages>(), Clock(p)),
            new PeerProbe(Peers.OwnRegistry, p.GetRequiredService<OwnRegistry>().Client, p.GetRequiredService<Outages>(), Clock(p))))
        .AddSingleton<Claims>().AddSingleton<References>().AddSingleton<BlobMemory>().AddSingleton<ISyncJournal, SyncJournal>()
        .AddSingleton(p => new WorkStore(p.GetRequiredService<NpgsqlDataSource>(), s_node))
        .AddSingleton(p => new WorkerLease(
            p.GetRequiredService<NpgsqlDataSource>(), s_node, settings.Sync.Workers, settings.Sync.Lease, Clock(p), follows))
        .AddSingleton<TransferRate>().AddSingleton<UploadStore>()
        .AddSingleton(p => new Bandwidth(settings.Sync.Bandwidth, Clock(p)))
        .AddSingleton(p => new LargeUpload(Source(p), Target(p), p.GetRequiredService<UploadStore>(), p.GetRequiredService<ISyncJournal>(), Clock(p)))
        .AddSingleton(p => new BlobCopy(
            Source(p), Target(p), p.GetRequiredService<BlobMemory>(), p.GetRequiredService<LargeUpload>(), p.GetRequiredService<TransferRate>(),
            p.GetRequiredService<Bandwidth>(), Clock(p)))
        .AddSingleton(p => new ImageCopy(
            Source(p), Target(p), p.GetRequiredService<BlobCopy>(), settings.Selection, settings.Sync.BlobsPerImage, settings.Sync.CopyForeignLayers))
        .AddSingleton(p => new ReferrerCopy(Source(p), Target(p), p.GetRequiredService<ImageCopy>(), p.GetRequiredService<BlobMemory>()))
        .AddSingleton(p => new RepositorySync(
            Source(p), Target(p), p.GetRequiredService<ImageCopy>(), p.GetRequiredService<ReferrerCopy>(), p.GetRequiredService<BlobMemory>(), p.GetRequiredService<InventoryStore>(), p.GetRequiredService<References>(),
            p.GetRequiredService<Probes>().Primary, p.GetRequiredService<Probes>().Own, p.GetRequiredService<WorkerLease>(), settings.Selection, Clock(p), p.GetRequiredService<ListedTags>()))
        .AddSingleton(p => new SyncJobs(
            p.GetRequiredService<Claims>(), p.GetRequiredService<WorkerLease>(), p.GetRequiredService<RepositorySync>().RunAsync, Clock(p), p.GetRequiredService<ISyncJournal>()))
        // Stopped in the opposite order: what works under the lease before the lease.
        .AddHostedService<LeaseLoop>().AddHostedService<ProbeLoop>().AddEngine(settings, engine).AddHostedService<ProgressLoop>()
        .AddPrimaryNames().AddVerification(settings).AddDeletion(settings);

    private static IServiceCollection AddEngine(this IServiceCollection services, GeoSettings settings, IJobEngine engine)
    {
        engine.AddSync(services, settings);
        return services;
    }

    // Workers ask for them too.
    private static IServiceCollection AddPrimaryNames(this IServiceCollection services)
    {
        services.TryAddSingleton<HeartbeatSender>();
        services.TryAddSingleton<IInventorySource, PeerInventory>();
        return services;
    }

    private static RegistryClient Source(IServiceProvider provider) => provider.GetRequiredService<PrimaryRegistry>().Client;

    private static RegistryClient Target(IServiceProvider provider) => provider.GetRequiredService<OwnRegistry>().Client;

    private static TimeProvider Clock(IServiceProvider provider) => provider.GetRequiredService<TimeProvider>();
}
