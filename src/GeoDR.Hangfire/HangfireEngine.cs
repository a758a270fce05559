using GeoDR.Configuration;
using GeoDR.Sites;
using Hangfire;
using Hangfire.AspNetCore;
using Hangfire.PostgreSql;
using Hangfire.PostgreSql.Factories;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace GeoDR.Jobs;

/// <summary>
/// The same work as Hangfire jobs, on Hangfire.PostgreSql in the site's own database. Hangfire's tables hold keys that are on their way; which
/// rows there are, their order, their claims and their outcomes stay where they were.
/// </summary>
internal sealed class HangfireEngine : IJobEngine
{
    internal const string SyncQueue = "geodr-sync";
    internal const string ScheduleQueue = "geodr-schedules";

    // A schedule's run mostly waits; none takes a slot from the sync.
    private const int ScheduleWorkers = 8;

    public void AddSync(IServiceCollection services, GeoSettings settings) => AddStorage(services, settings).AddQueuedSync().AddTransient<HangfireSync>()
        .AddHangfireServer(o => Serve(o, SyncQueue, settings.Sync.Workers));

    public void AddSchedules(IServiceCollection services, GeoSettings settings) => AddStorage(services, settings).AddQueuedSchedules().AddTransient<HangfireSchedules>()
        .AddHangfireServer(o => Serve(o, ScheduleQueue, ScheduleWorkers));

    public void Map(WebApplication app) => app.MapHangfireDashboardWithAuthorizationPolicy(
        Roles.Admin, "/hangfire", new DashboardOptions { DashboardTitle = "GeoDR", DisplayStorageConnectionString = false });

    private static void Serve(BackgroundJobServerOptions options, string queue, int workers)
    {
        options.Queues = [queue];
        options.WorkerCount = workers;
        options.SchedulePollingInterval = TimeSpan.FromSeconds(1);
    }

    private static IServiceCollection AddStorage(IServiceCollection services, GeoSettings settings)
    {
        if (services.Any(s => s.ServiceType == typeof(JobStorage)))
            return services;
        services.TryAddSingleton<IJobQueue, HangfireQueue>();
        // Of this host and not of the process, as Hangfire's own defaults are: a change of role composes the next host in the same process.
        services.AddSingleton<JobStorage>(_ => Storage(settings.Database));
        services.AddSingleton<JobActivator>(p => new AspNetCoreJobActivator(p.GetRequiredService<IServiceScopeFactory>()));
        return services.AddHangfire(_ => { });
    }

    private static PostgreSqlStorage Storage(string database)
    {
        var options = new PostgreSqlStorageOptions
        {
            SchemaName = "hangfire",
            // Long polling opens a LISTEN connection for each dequeue, and collapses under load.
            QueuePollInterval = TimeSpan.FromSeconds(1),
            EnableLongPolling = false,
            // A dead process's job comes back soon, and finds what the lease has freed.
            InvisibilityTimeout = TimeSpan.FromMinutes(1),
            UseSlidingInvisibilityTimeout = true,
        };
        // What has ended is in the attempts and the runs; here it is only in the way.
        return new PostgreSqlStorage(new NpgsqlConnectionFactory(database, options), options) { JobExpirationTimeout = TimeSpan.FromHours(1) };
    }
}
