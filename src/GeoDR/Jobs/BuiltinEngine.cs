using GeoDR.Configuration;
using GeoDR.Hosting;
using GeoDR.Schedules;
using GeoDR.Sync;
using GeoDR.SyncState;

namespace GeoDR.Jobs;

/// <summary>The default: a loop that claims rows in each process, and Quartz for the schedules.</summary>
internal sealed class BuiltinEngine : IJobEngine
{
    public void AddSync(IServiceCollection services, GeoSettings settings) => services
        .AddSingleton(p => new SyncWorker(
            p.GetRequiredService<Claims>(), p.GetRequiredService<WorkerLease>(), p.GetRequiredService<SyncJobs>(), settings.Sync.Workers))
        .AddHostedService<SyncLoop>();

    public void AddSchedules(IServiceCollection services, GeoSettings settings) =>
        services.AddSingleton<Timetable>().AddQuartzStore(settings.Schedules, create: false).AddHostedService<SchedulerLoop>();

    public void Map(WebApplication app)
    {
    }
}
