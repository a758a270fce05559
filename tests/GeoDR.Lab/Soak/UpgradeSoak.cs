using System.Diagnostics;
using System.Globalization;

namespace GeoDR.Lab;

/// <summary>One upgrade of two sites under load and what came of it; times in seconds.</summary>
/// <param name="Order">Which site and which process first, who migrated, and how the log was read.</param>
/// <param name="Killed">Migrations that were killed in the middle of a script.</param>
/// <param name="Scripts">Those that the new program brought to each database.</param>
/// <param name="Beside">Pushes that were taken while old and new ran beside each other.</param>
/// <param name="Quiet">From the end of the load until everything was synced.</param>
public sealed record UpgradeRound(int Number, string Order, int Killed, int Scripts, long Pushes, long Beside, double Quiet)
{
    public string ToLine() => string.Create(
        CultureInfo.InvariantCulture, $"{Number}\t{Order}\tkilled={Killed}\tscripts={Scripts}\tpushes={Pushes}\tbeside={Beside}\tquiet={Quiet:0.00}\tequal");
}

/// <summary>Two sites of an older version under load are brought to this one process by process, migrations killed on the way. No push may be lost.</summary>
/// <param name="oldProgram">The older version's <c>geodr</c>.</param>
public sealed class UpgradeSoak(string oldProgram, int seed) : IAsyncDisposable
{
    private const int SomePushes = 8;
    private static readonly TimeSpan s_deadline = TimeSpan.FromMinutes(2);

    /// <summary>The older version's program; null where none was given.</summary>
    public static string? OldProgram => Environment.GetEnvironmentVariable("GEODR_OLD_PROGRAM") is { Length: > 0 } path ? Path.GetFullPath(path) : null;

    /// <exception cref="LabException">A push was lost, something was not synced, or a process met a schema that it does not understand.</exception>
    public async Task<UpgradeRound> RunAsync(int number, CancellationToken cancellationToken)
    {
        var random = new Random((seed * 1_000_003) + number);
        var (secondaryFirst, workerFirst, http) = (number % 2 == 0, number / 2 % 2 == 0, number % 3 == 1);
        await using var sites = await TwoSites.StartAsync(
            new() { Program = oldProgram, CopySchema = false, CreateAdmin = false, Lease = TimeSpan.FromSeconds(3), Workers = 4, WorkerProcesses = 1, HttpLog = http }, cancellationToken);
        var load = new SoakLoad(sites.Primary, (seed * 7_919) + number, largestLayer: 1 << 20);
        try
        {
            load.Go();
            await PushesAsync(load, cancellationToken);
            var order = (string[])[secondaryFirst ? "secondary" : "primary", workerFirst ? "worker" : "serve", http ? "https" : "postgresql"];
            var (killed, scripts, before) = (0, 0, load.Pushed);
            foreach (var site in secondaryFirst ? [sites.Secondary, sites.Primary] : (Site[])[sites.Primary, sites.Secondary])
            {
                site.Geo.Program = GeoProgram.Path;
                var pending = await PendingAsync(site, cancellationToken);
                scripts = Math.Max(scripts, pending.Count);
                // Every migration of the first two rounds is killed, and half of the others.
                if (pending.Count > 0 && (number < 2 || random.Next(2) == 0))
                {
                    await KillMigrationAsync(site, pending[random.Next(pending.Count)], TimeSpan.FromMilliseconds(random.Next(500)), cancellationToken);
                    killed++;
                }

                if (random.Next(2) == 0)
                {
                    (await site.Geo.RunAsync(["migrate"], null, cancellationToken)).EnsureSuccess();
                    order = [.. order, $"migrate at {site.Name}"];
                    // The old processes on the new schema.
                    await PushesAsync(load, cancellationToken);
                }

                await ReplaceAsync(site, workerFirst, load, cancellationToken);
                await PushesAsync(load, cancellationToken);
            }

            var beside = load.Pushed - before;
            await load.RestAsync(TimeSpan.FromSeconds(60));
            var rested = Stopwatch.GetTimestamp();
            await QuietAsync(sites, cancellationToken);
            await sites.WaitUntilEqualAsync(s_deadline, load.ByDigestAlone, cancellationToken);
            CheckLogs(sites);
            return new(number, string.Join('/', order), killed, scripts, load.Pushed, beside, Stopwatch.GetElapsedTime(rested).TotalSeconds);
        }
        finally
        {
            await load.DisposeAsync();
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>One process after another, each ended in order and started from the new program.</summary>
    private static async Task ReplaceAsync(Site site, bool workerFirst, SoakLoad load, CancellationToken cancellationToken)
    {
        var steps = new List<Func<Task>>
        {
            async () =>
            {
                var workers = site.Geo.Workers;
                await Task.WhenAll(workers.Select(w => w.StopAsync()));
                site.Geo.StartWorkers(workers.Count);
            },
            async () =>
            {
                await site.Geo.Serve!.StopAsync();
                await site.Geo.StartServeAsync(cancellationToken: cancellationToken);
            },
        };
        foreach (var step in workerFirst ? steps : Enumerable.Reverse(steps))
        {
            await step();
            await PushesAsync(load, cancellationToken);
        }
    }

    private static async Task<List<string>> PendingAsync(Site site, CancellationToken cancellationToken) =>
        [.. (await site.Geo.RunAsync(["migrate", "--dry-run"], null, cancellationToken)).EnsureSuccess().Output.Split('\n').Where(l => l.Length > 4 && l[..4].All(char.IsAsciiDigit))];

    /// <summary>kill -9 of a real <c>geodr migrate</c> whose script has done its work and is not committed.</summary>
    private static async Task KillMigrationAsync(Site site, string script, TimeSpan after, CancellationToken cancellationToken)
    {
        var version = int.Parse(script[..4], CultureInfo.InvariantCulture);
        await using var hold = await MigrationHold.AtAsync(site.ConnectionString, version, cancellationToken);
        using var kill = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var migrate = site.Geo.RunAsync(["migrate"], null, kill.Token);
        await hold.ReachedAsync(cancellationToken);
        await Task.Delay(after, TimeProvider.System, cancellationToken);
        await kill.CancelAsync();
        await ((Task)migrate).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await hold.LeftAsync(cancellationToken);
        if (await SiteReads.ScalarAsync<long>(site, $"select count(*) from schema_version where version >= {version}", cancellationToken) > 0)
        {
            throw new LabException($"the migration of {site.Name} was killed at {script}, and this or a later script is there");
        }
    }

    private static Task PushesAsync(SoakLoad load, CancellationToken cancellationToken)
    {
        var before = load.Pushed;
        return Wait.UntilAsync(() => load.Pushed >= before + SomePushes, s_deadline, () => "no push is taken", cancellationToken);
    }

    /// <summary>The registry has told everything, the secondary has read it and has nothing left to do.</summary>
    private static async Task QuietAsync(TwoSites sites, CancellationToken cancellationToken)
    {
        await using var watch = new SyncWatch(sites.Secondary.ConnectionString);
        SyncStanding? last = null;
        await Wait.UntilAsync(
            async token => await sites.Primary.Registry.ReadPendingNotificationsAsync(token) == 0
                && await SiteReads.ScalarAsync<long>(sites.Primary, "select coalesce(max(id), 0) from event", token) == await watch.CursorAsync(token)
                && (last = await watch.ReadAsync(token)).IsQuiet,
            s_deadline, () => $"not quiet: {last}\n{sites.Secondary.Geo.Serve?.LogTail(40)}\n{sites.Secondary.Geo.Workers[0].LogTail(40)}", cancellationToken);
        foreach (var site in new[] { sites.Primary, sites.Secondary })
        {
            if (await PendingAsync(site, cancellationToken) is { Count: > 0 } left)
            {
                throw new LabException($"{site.Name} was upgraded, and lacks {string.Join(", ", left)}");
            }
        }
    }

    /// <summary>No process asked for a column or a table that was not there.</summary>
    private static void CheckLogs(TwoSites sites)
    {
        foreach (var log in Directory.EnumerateFiles(sites.Directory.Root, "*.log", SearchOption.AllDirectories).Where(f => Path.GetFileName(Path.GetDirectoryName(f)) == "geodr"))
        {
            if (File.ReadLines(log).FirstOrDefault(l => l.Contains("42703", StringComparison.Ordinal) || l.Contains("42P01", StringComparison.Ordinal) || l.Contains("42883", StringComparison.Ordinal)) is { } line)
            {
                throw new LabException($"{log}: {line}");
            }
        }
    }
}
