using GeoDR.Audit;
using GeoDR.Configuration;
using GeoDR.Deletion;
using GeoDR.Inventory;
using GeoDR.Sync;
using GeoDR.SyncState;

namespace GeoDR.Hosting;

/// <summary>Takes the candidates for deletion a step further; every process with workers runs it.</summary>
internal sealed partial class DeletionLoop(DeletionPass pass, ILogger<DeletionLoop> logger, TimeProvider time) : IntervalLoop(TimeSpan.FromSeconds(1), logger, time)
{
    protected override string Name => "the deletion";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        var outcome = await pass.RunOnceAsync(cancel);
        if (outcome.Braked)
            LogBraked(logger);
        return outcome.More;
    }

    [LoggerMessage(215, LogLevel.Error, "The brake stopped the deletions; `geodr deletions list` says why")]
    private static partial void LogBraked(ILogger logger);
}

/// <summary>What deletion is made of.</summary>
internal static class DeletionComposition
{
    /// <summary>For every process that shows it.</summary>
    public static IServiceCollection AddDeletionViews(this IServiceCollection services) => services.AddSingleton<Deletions>().AddSingleton<AuditLog>();

    public static IServiceCollection AddDeletion(this IServiceCollection services, GeoSettings settings) => services
        .AddSingleton(settings.Deletion)
        .AddSingleton<ListedTags>().AddSingleton<DeletionQueue>().AddSingleton<DeletionWrites>().AddSingleton<AbsenceCheck>().AddSingleton<Brake>()
        .AddSingleton(p => new PrimaryView(
            p.GetRequiredService<PrimaryRegistry>().Client, p.GetRequiredService<Outages>(), cancel => p.GetRequiredService<IInventorySource>().NamesAsync("", cancel)))
        .AddSingleton(p => new DeletionWork(
            p.GetRequiredService<OwnRegistry>().Client, p.GetRequiredService<PrimaryView>(), p.GetRequiredService<AbsenceCheck>(), p.GetRequiredService<Claims>(),
            p.GetRequiredService<References>(), p.GetRequiredService<DeletionQueue>(), p.GetRequiredService<DeletionWrites>(), p.GetRequiredService<InventoryStore>(),
            p.GetRequiredService<BlobMemory>(), p.GetRequiredService<Probes>().Own, p.GetRequiredService<WorkerLease>(), p.GetRequiredService<TimeProvider>()))
        .AddSingleton<DeletionPass>()
        .AddHostedService<DeletionLoop>();
}
