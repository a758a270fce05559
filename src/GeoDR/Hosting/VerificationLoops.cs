using GeoDR.Configuration;
using GeoDR.Registry;
using GeoDR.Sites;
using GeoDR.Sync;
using GeoDR.SyncState;
using GeoDR.Verification;
using Npgsql;

namespace GeoDR.Hosting;

/// <summary>Looks at what this site holds, one repository after another; one such loop for the deep checks, one for the others.</summary>
internal sealed partial class VerificationLoop(Verifier verifier, string name, ILogger<VerificationLoop> logger, TimeProvider time)
    : IntervalLoop(TimeSpan.FromSeconds(1), logger, time)
{
    protected override string Name => name;

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        if (await verifier.RunOnceAsync(cancel) is not { } done)
            return false;
        if (done.Problem is { } problem)
            LogNot(logger, done.Repository, problem);
        else if (done.Result is { } result)
        {
            foreach (var finding in result.Findings.Take(20))
                LogFound(logger, done.Repository, finding.Detail);
            LogDone(logger, done.Repository, done.Scope, done.State, result.Counts.Requests, result.Counts.Bytes, done.Took.TotalMilliseconds);
        }
        return done.State is not null;
    }

    [LoggerMessage(210, LogLevel.Information, "{Repository} was checked ({Scope}): {State}, {Requests} requests, {Bytes} bytes, {Milliseconds:0} ms")]
    private static partial void LogDone(ILogger logger, string repository, CheckScope scope, VerificationState? state, long requests, long bytes, double milliseconds);

    [LoggerMessage(211, LogLevel.Warning, "{Repository}: {Finding}")]
    private static partial void LogFound(ILogger logger, string repository, string finding);

    [LoggerMessage(212, LogLevel.Warning, "{Repository} was not checked: {Reason}")]
    private static partial void LogNot(ILogger logger, string repository, string reason);
}

/// <summary>Marks what could not be checked and is tried again, frees what dead workers had, shares the budget.</summary>
internal sealed class VerificationClock(
    Checks checks, VerificationBudget budget, WorkerLease lease, ILogger<VerificationClock> logger, TimeProvider time)
    : IntervalLoop(TimeSpan.FromSeconds(2), logger, time)
{
    protected override string Name => "the verification's upkeep";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        budget.SharedBy(await lease.CountLivingAsync(cancel));
        await checks.FreeDeadAsync(cancel);
        await checks.RetryDueAsync(cancel);
        return false;
    }
}

/// <summary>What verification is made of.</summary>
internal static class VerificationComposition
{
    // Few, and of its own: neither the sync nor this waits for the other's.
    private const int Connections = 8;

    public static IServiceCollection AddVerification(this IServiceCollection services, GeoSettings settings) => services
        .AddSingleton<CheckResults>().AddSingleton<KnownContent>()
        .AddSingleton(p => new VerificationBudget(settings.Verification.RequestsPerSecond, settings.Verification.BytesPerSecond, Clock(p)))
        .AddSingleton(p => Check(p, settings with { Sync = settings.Sync with { ConnectionsPerRegistry = Connections } }))
        .AddSingleton<IHostedService>(p => Loop(p, settings, deep: false))
        .AddSingleton<IHostedService>(p => Loop(p, settings, deep: true))
        .AddHostedService<VerificationClock>();

    private static RepositoryCheck Check(IServiceProvider p, GeoSettings settings) => new(
        RegistryClients.Build(Peers.OwnRegistry, settings.Registry!, settings, Clock(p), settings.Selection.Map.At),
        RegistryClients.Build(Peers.PrimaryRegistry, settings.PrimaryRegistry!, settings, Clock(p), sites: p.GetRequiredService<SiteStore>()),
        p.GetRequiredService<Probes>().Own, p.GetRequiredService<KnownContent>(), settings.Selection, p.GetRequiredService<VerificationBudget>(), Clock(p));

    private static VerificationLoop Loop(IServiceProvider p, GeoSettings settings, bool deep) => new(
        new Verifier(
            p.GetRequiredService<Checks>(), p.GetRequiredService<CheckResults>(), p.GetRequiredService<RepositoryCheck>(), p.GetRequiredService<WorkerLease>(),
            settings.Verification.Plan, deep, Clock(p)),
        deep ? "the deep verification" : "the verification", p.GetRequiredService<ILogger<VerificationLoop>>(), Clock(p));

    private static TimeProvider Clock(IServiceProvider provider) => provider.GetRequiredService<TimeProvider>();
}
