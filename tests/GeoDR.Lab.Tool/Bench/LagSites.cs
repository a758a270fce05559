using System.Diagnostics;
using GeoDR.Lab.Faults;
using Npgsql;

namespace GeoDR.Lab.Tool.Bench;

/// <summary>
/// Two sites, of which the second joins a primary whose registry was filled long ago: everything there is found by the backfill and
/// nothing by events.
/// </summary>
internal sealed class LagSites(LagOptions options, Action<string> say) : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3);

    private FaultProxy? _line;
    private TwoSites? _sites;

    public TwoSites Sites => _sites ?? throw new InvalidOperationException("not started");

    public static string FilledName(int number) => $"filled/{number % 10}/{number:0000}";

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _sites = await TwoSites.StartAsync(
            new TwoSitesOptions
            {
                Progress = say,
                Fsync = true,
                CreateAdmin = false,
                Workers = options.Workers,
                StartServe = false,
                Links = links =>
                {
                    _line = FaultProxy.Start(links.PrimaryRegistryFromSecondary.Host, links.PrimaryRegistryFromSecondary.Port);
                    _line.BytesPerSecond = options.BytesPerSecond;
                    return Task.FromResult(links with { PrimaryRegistryFromSecondary = _line.Url });
                },
            },
            cancellationToken);
        await Sites.Primary.Geo.StartServeAsync(cancellationToken: cancellationToken);
        await FillAsync(cancellationToken);
        await AgeAsync(cancellationToken);
    }

    /// <summary>Starts the secondary; returns when its backfill is under way.</summary>
    public async Task JoinAsync(CancellationToken cancellationToken)
    {
        await Sites.Secondary.Geo.StartServeAsync(cancellationToken: cancellationToken);
        await LagTrace.InstallAsync(Sites.Secondary, cancellationToken);
        Sites.Secondary.Geo.StartWorkers(1);
        await Wait.UntilAsync(
            async token => await BackfilledAsync(token) > 0,
            s_patience,
            () => $"no backfill began\n{Sites.Secondary.Geo.Serve?.LogTail(40)}",
            cancellationToken);
    }

    /// <summary>How many of the filled repositories had their full sync.</summary>
    public Task<int> BackfilledAsync(CancellationToken cancellationToken) => CountAsync(
        Sites.Secondary, "select count(*)::int from repository where name like 'filled/%' and full_done >= full_wanted", cancellationToken);

    public Task<int> FailedAsync(CancellationToken cancellationToken) =>
        CountAsync(Sites.Secondary, "select count(*)::int from repository where state = 3", cancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (_sites is not null)
        {
            await _sites.DisposeAsync();
        }

        if (_line is not null)
        {
            await _line.DisposeAsync();
        }
    }

    private async Task FillAsync(CancellationToken cancellationToken)
    {
        say($"filling {Sites.Primary.Name}'s registry with {options.Repositories} repositories");
        var watch = Stopwatch.StartNew();
        await Parallel.ForEachAsync(
            Enumerable.Range(0, options.Repositories),
            new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = cancellationToken },
            async (n, token) => await Sites.Primary.Pusher.PushAsync(
                FilledName(n), "1.0", new ImageSpec(ImageKind.Oci, 100_000 + n, new LayerSpec(1, 4096), new LayerSpec(100_000 + n, options.LayerSize)), token));
        say($"filled in {watch.Elapsed.TotalSeconds:0} s; waiting for the registry's notifications of it");
        await Wait.UntilAsync(
            async token => await CountAsync(Sites.Primary, "select count(*)::int from event where repository like 'filled/%'", token) >= options.Repositories,
            s_patience,
            () => "the notifications of the filling did not arrive",
            cancellationToken);
    }

    /// <summary>A fresh secondary reads events of the last minute as news; these are from long ago.</summary>
    private async Task AgeAsync(CancellationToken cancellationToken) =>
        await Sites.Primary.Postgres.ExecuteAsync("update event set received_at = received_at - interval '1 day'", Site.Database, cancellationToken);

    private static async Task<int> CountAsync(Site site, string sql, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(site.ConnectionString);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(sql, connection);
        return (int)(await command.ExecuteScalarAsync(cancellationToken))!;
    }
}
