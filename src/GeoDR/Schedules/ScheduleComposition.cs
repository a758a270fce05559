using GeoDR.Configuration;
using GeoDR.Jobs;
using GeoDR.Retention;
using GeoDR.Sites;
using GeoDR.SyncState;
using GeoDR.Verification;
using Npgsql;

namespace GeoDR.Schedules;

/// <summary>Which schedules a site has, by role.</summary>
internal static class ScheduleComposition
{
    /// <summary>For every process that shows them or asks for a run.</summary>
    public static IServiceCollection AddScheduleViews(this IServiceCollection services) => services.AddSingleton<ScheduleList>().AddSingleton<ScheduleRuns>();

    /// <summary>For <c>geodr serve</c>: it runs them, together with the site's other nodes.</summary>
    public static IServiceCollection AddSchedules(this IServiceCollection services, GeoSettings settings, string role, IJobEngine engine)
    {
        // Another schedule is one more line here, for the roles it belongs to.
        services.AddSingleton(p => new RetentionPass(
                p.GetRequiredService<NpgsqlDataSource>(), RetentionRules.For(settings.Retention, settings.Log), p.GetRequiredService<TimeProvider>()))
            .AddSingleton<ISchedule, RetentionSchedule>();
        if (settings.Registry is not null)
            services.AddSingleton<ISchedule, ReconcileSchedule>();
        if (role == Site.Secondary)
            services.AddSingleton<ISchedule, DrillSchedule>().AddSingleton<Slices>().AddSingleton<ISchedule>(p => Verify(p, settings, deep: false)).AddSingleton<ISchedule>(p => Verify(p, settings, deep: true));
        engine.AddSchedules(services.AddSingleton<ScheduleRunner>(), settings);
        return services;
    }

    private static VerifySchedule Verify(IServiceProvider p, GeoSettings settings, bool deep) => new(
        p.GetRequiredService<Slices>(), p.GetRequiredService<SiteStore>(), p.GetRequiredService<Outages>(), settings, p.GetRequiredService<TimeProvider>(), deep);
}
