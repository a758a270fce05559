using GeoDR.Configuration;

namespace GeoDR.Jobs;

/// <summary>
/// What has a site's jobs run: the sync of a repository, and what is done again and again. An engine says when and on which node; what a job
/// is and what becomes of it is in the site's own tables, whichever engine it is.
/// </summary>
internal interface IJobEngine
{
    /// <summary>Has pending repositories claimed and done by <see cref="Sync.SyncJobs"/>, up to <c>Geo:Sync:Workers</c> at once in this process.</summary>
    void AddSync(IServiceCollection services, GeoSettings settings);

    /// <summary>Has the registered <see cref="Schedules.ISchedule"/>s run at their times, and when somebody wishes it.</summary>
    void AddSchedules(IServiceCollection services, GeoSettings settings);

    /// <summary>Maps pages of its own, for administrators alone.</summary>
    void Map(WebApplication app);
}

/// <summary>
/// A queue that another library keeps, and what an adapter has to bring. What is put there is a key and no content: a job that is lost is
/// offered again, one that comes twice finds nothing to do.
/// </summary>
internal interface IJobQueue
{
    /// <summary>Has a worker of any process call <see cref="Sync.SyncJobs.RunAsync"/> with the id.</summary>
    /// <param name="name">The repository's, for people.</param>
    void Sync(long repositoryId, string name);

    /// <summary>Has any node call <see cref="QueuedSchedules.RunAsync"/> with the same.</summary>
    void Run(string schedule, string cause, string? wantedBy, TimeSpan after);

    /// <summary>Has any node call <see cref="QueuedSchedules.FireAsync"/> once a minute for each of these, and for no other.</summary>
    void Recur(IReadOnlyList<string> schedules);
}

/// <summary>The parts of an engine with a queue of its own that are the same for every queue.</summary>
internal static class QueueComposition
{
    public static IServiceCollection AddQueuedSync(this IServiceCollection services) => services
        .AddSingleton(p => new SyncState.JobOffers(p.GetRequiredService<Npgsql.NpgsqlDataSource>(), HandOutLoop.Lasts)).AddHostedService<HandOutLoop>();

    public static IServiceCollection AddQueuedSchedules(this IServiceCollection services) => services.AddSingleton<QueuedSchedules>().AddHostedService<WishLoop>();
}
