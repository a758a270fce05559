using System.Threading.Channels;
using GeoDR.Configuration;
using GeoDR.Core.Tests.Postgres;
using GeoDR.Jobs;
using GeoDR.Sync;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace GeoDR.Core.Tests.Jobs;

/// <summary>The engine that is the default.</summary>
public sealed class BuiltinEngineTests(PostgresFixture postgres) : JobEngineTests(postgres)
{
    internal override IJobEngine Engine { get; } = new BuiltinEngine();
}

/// <summary>
/// Everything of an engine with a queue of its own but the library: what src/GeoDR.Hangfire is built on runs here, where Hangfire's packages
/// do not restore.
/// </summary>
public sealed class QueueEngineTests(PostgresFixture postgres) : JobEngineTests(postgres)
{
    internal override IJobEngine Engine { get; } = new QueueEngine();
}

/// <summary>The simplest queue that there can be, shared by all nodes.</summary>
internal sealed class QueueEngine : IJobEngine, IJobQueue
{
    private readonly Channel<Func<IServiceProvider, CancellationToken, Task>> _syncs = Channel.CreateUnbounded<Func<IServiceProvider, CancellationToken, Task>>();
    private readonly Channel<Func<IServiceProvider, CancellationToken, Task>> _runs = Channel.CreateUnbounded<Func<IServiceProvider, CancellationToken, Task>>();

    public void AddSync(IServiceCollection services, GeoSettings settings) => services.AddSingleton<IJobQueue>(this).AddQueuedSync()
        .AddSingleton<IHostedService>(p => new Takers(p, _syncs.Reader, settings.Sync.Workers));

    public void AddSchedules(IServiceCollection services, GeoSettings settings) => services.AddQueuedSchedules()
        .AddSingleton<IHostedService>(p => new Takers(p, _runs.Reader, 1));

    public void Map(WebApplication app)
    {
    }

    public void Sync(long repositoryId, string name) => _syncs.Writer.TryWrite((p, cancel) => p.GetRequiredService<SyncJobs>().RunAsync(repositoryId, cancel));

    public void Run(string schedule, string cause, string? wantedBy, TimeSpan after) =>
        _runs.Writer.TryWrite((p, cancel) => p.GetRequiredService<QueuedSchedules>().RunAsync(schedule, cause, wantedBy, cancel));

    public void Recur(IReadOnlyList<string> schedules)
    {
    }

    private sealed class Takers(IServiceProvider services, ChannelReader<Func<IServiceProvider, CancellationToken, Task>> jobs, int count) : BackgroundService
    {
        protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(Enumerable.Range(0, count).Select(_ => Task.Run(async () =>
        {
            await foreach (var job in jobs.ReadAllAsync(stoppingToken))
                await job(services, stoppingToken);
        }, stoppingToken)));
    }
}
