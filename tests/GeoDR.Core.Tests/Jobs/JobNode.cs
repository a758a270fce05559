using System.Collections.Concurrent;
using GeoDR.Configuration;
using GeoDR.Hosting;
using GeoDR.Jobs;
using GeoDR.Registry;
using GeoDR.Schedules;
using GeoDR.Sync;
using GeoDR.SyncState;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace GeoDR.Core.Tests.Jobs;

/// <summary>What one process of a site is made of as far as its jobs go: the lease, the jobs, an engine. Only the copying is the test's.</summary>
internal sealed class JobNode : ISyncJournal, IAsyncDisposable
{
    /// <summary>Short, so that a lost lease shows in a second.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(2);

    private readonly IHost _host;
    private readonly NpgsqlDataSource _source;

    private JobNode(string name, IJobEngine engine, string database, int slots, Func<ClaimedRepository, CancellationToken, Task<WorkResult>> work, IReadOnlyList<ISchedule> schedules)
    {
        Name = name;
        _source = SiteDatabase.Open(database);
        var settings = new GeoSettings
        {
            SiteName = "here", Role = "secondary", Database = database, Sync = new() { Workers = slots, Lease = Lease },
            Schedules = new() { CheckIn = TimeSpan.FromMilliseconds(500) },
        };
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        var services = builder.Services;
        services.AddLogging(l => l.SetMinimumLevel(LogLevel.None)).AddSingleton(TimeProvider.System).AddSingleton(settings).AddSingleton(_source)
            .AddSingleton<Claims>().AddSingleton<ISyncJournal>(this)
            .AddSingleton(new WorkerLease(_source, name, slots, Lease, TimeProvider.System))
            .AddSingleton(p => new SyncJobs(
                p.GetRequiredService<Claims>(), p.GetRequiredService<WorkerLease>(), (claim, _, _, _, cancel) => work(claim, cancel), TimeProvider.System, this))
            .AddHostedService<LeaseLoop>();
        engine.AddSync(services, settings);
        if (schedules.Count > 0)
        {
            foreach (var schedule in schedules)
                services.AddSingleton(schedule);
            engine.AddSchedules(services.AddScheduleViews().AddSingleton<ScheduleRunner>(), settings);
        }
        _host = builder.Build();
    }

    public string Name { get; }

    /// <summary>The outcomes that were written.</summary>
    public ConcurrentQueue<(ClaimedRepository Claim, RepositoryState State)> Finished { get; } = [];

    public static async Task<JobNode> StartAsync(
        string name, IJobEngine engine, string database, int slots, Func<ClaimedRepository, CancellationToken, Task<WorkResult>> work, IReadOnlyList<ISchedule>? schedules = null)
    {
        var node = new JobNode(name, engine, database, slots, work, schedules ?? []);
        await node._host.StartAsync();
        return node;
    }

    /// <summary>As SIGTERM does.</summary>
    public Task StopAsync() => _host.StopAsync();

    public T Get<T>() where T : notnull => _host.Services.GetRequiredService<T>();

    public Task FinishedAsync(ClaimedRepository claim, RepositoryState state, WorkCost cost)
    {
        Finished.Enqueue((claim, state));
        return Task.CompletedTask;
    }

    public Task PeerOutAsync(ClaimedRepository claim, string peer, string message, WorkCost cost) => Task.CompletedTask;

    public void LeaseLost(string repository)
    {
    }

    public void BeganAgain(string repository, Digest blob, long lost, string reason)
    {
    }

    public Task BrokeAsync(ClaimedRepository claim, Exception exception, WorkCost cost) => Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
        await _source.DisposeAsync();
    }
}
