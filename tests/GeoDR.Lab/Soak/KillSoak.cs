using System.Diagnostics;
using System.Globalization;

namespace GeoDR.Lab;

/// <summary>What a soak of kills is made of.</summary>
public sealed record KillSoakOptions
{
    public int Seed { get; init; } = 1;
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(3);
    public IReadOnlyList<KillTarget> Targets { get; init; } = Enum.GetValues<KillTarget>();

    /// <summary>Bytes of the layer that every tenth round pushes beside the load; none when 0.</summary>
    public long LargeLayer { get; init; } = 200L << 20;

    /// <summary>Bytes of the largest layer of the load.</summary>
    public int LongestLayer { get; init; } = 8 << 20;

    /// <summary>The kill comes so long after the load at the latest.</summary>
    public TimeSpan LatestMoment { get; init; } = TimeSpan.FromSeconds(1.5);

    /// <summary>Both registries are compared whole after so many rounds, and after the last.</summary>
    public int CompareEvery { get; init; } = 7;
}

/// <summary>One kill and what came of it; times in seconds.</summary>
/// <param name="Retaken">Until the claims that the killed process held were free or taken again; null where it held none.</param>
/// <param name="Quiet">From the restart until everything was synced.</param>
public sealed record KillRound(
    int Number, KillTarget Target, double Moment, double Down, int Claims, double? Retaken, double Quiet, long Pushes, int Retries, string Compared)
{
    public string ToLine() => string.Create(CultureInfo.InvariantCulture,
        $"{Number}\t{Target}\tmoment={Moment:0.000}\tdown={Down:0.000}\tclaims={Claims}\tretaken={(Retaken is { } r ? r.ToString("0.00", CultureInfo.InvariantCulture) : "-")}\tquiet={Quiet:0.00}\tpushes={Pushes}\tretries={Retries}\t{Compared}");
}

/// <summary>Kills one part after another at seeded moments under load; everything must be found whole again.</summary>
public sealed class KillSoak : IAsyncDisposable
{
    private static readonly TimeSpan s_quiet = TimeSpan.FromSeconds(120);

    private readonly KillSoakOptions _options;
    private readonly TwoSites _sites;
    private readonly SoakLoad _load;
    private readonly SyncWatch _watch;
    private bool _queueLost;

    private KillSoak(KillSoakOptions options, TwoSites sites)
    {
        (_options, _sites) = (options, sites);
        _load = new SoakLoad(sites.Primary, options.Seed, largestLayer: options.LongestLayer);
        _watch = new SyncWatch(sites.Secondary.ConnectionString);
    }

    /// <summary>Manifests that lost their tag before they travelled, at the last comparison.</summary>
    public int Untagged { get; private set; }

    public static async Task<KillSoak> StartAsync(KillSoakOptions options, LabDirectory? directory = null, CancellationToken cancellationToken = default) =>
        new(options, await TwoSites.StartAsync(
            new TwoSitesOptions { Directory = directory, Lease = options.Lease, Workers = 4, WorkerProcesses = 1, Fsync = true, CreateAdmin = false }, cancellationToken));

    /// <summary>One round; its number and the seed decide what and when.</summary>
    /// <exception cref="LabException">Something was not found whole.</exception>
    public async Task<KillRound> RunAsync(int number, bool compare, CancellationToken cancellationToken)
    {
        var target = _options.Targets[number % _options.Targets.Count];
        var random = new Random((_options.Seed * 1_000_003) + number);
        var (moment, down) = (TimeSpan.FromMilliseconds(random.Next(100, (int)_options.LatestMoment.TotalMilliseconds)), TimeSpan.FromMilliseconds(random.Next(0, 800)));
        var before = _load.Pushed;
        _load.Go();
        var large = _options.LargeLayer > 0 && number % 10 < _options.Targets.Count && number / 10 % 2 == 0 && number % 10 == number / 20 % 10
            ? _load.PushLargeAsync(1_000_000 + number, random.NextInt64(_options.LargeLayer / 4, _options.LargeLayer))
            : Task.CompletedTask;
        await Task.Delay(moment, TimeProvider.System, cancellationToken);
        var claims = target.ClaimantOf(_sites) is { } process ? await _watch.ClaimsOfAsync(process, cancellationToken) : [];
        var killed = Stopwatch.GetTimestamp();
        await target.KillAsync(_sites);
        var retaken = claims.Count > 0 ? RetakenAsync(claims, killed, cancellationToken) : Task.FromResult<double?>(null);
        await Task.Delay(down, TimeProvider.System, cancellationToken);
        await target.StartAgainAsync(_sites, cancellationToken);
        var restarted = Stopwatch.GetTimestamp();
        await large;
        await _load.RestAsync(TimeSpan.FromSeconds(60));
        if (target == KillTarget.PrimaryRegistry)
        {
            // Its queue is memory: what it had not sent is found by reading the catalog again.
            _queueLost = true;
            (await _sites.Secondary.Geo.RunAsync("resync", "--all")).EnsureSuccess();
        }

        var retries = await QuietAsync(cancellationToken);
        var quiet = Stopwatch.GetElapsedTime(restarted).TotalSeconds;
        var compared = compare ? await CompareAsync(cancellationToken) : "-";
        return new(number, target, moment.TotalSeconds, down.TotalSeconds, claims.Count, await retaken, quiet, _load.Pushed - before, retries, compared);
    }

    public async ValueTask DisposeAsync()
    {
        await _load.DisposeAsync();
        await _watch.DisposeAsync();
        await _sites.DisposeAsync();
    }

    private async Task<double?> RetakenAsync(IReadOnlyList<(long, long)> claims, long killed, CancellationToken cancellationToken)
    {
        var most = _options.Lease + TimeSpan.FromSeconds(5);
        await Wait.UntilAsync(
            async token => await _watch.StandingAsync(claims, token) == 0, most,
            () => $"claims of the killed process still stand after the lease + 5 s\n{Log()}", cancellationToken);
        return Stopwatch.GetElapsedTime(killed).TotalSeconds;
    }

    /// <summary>Waits until all was read and synced; the highest count of attempts that a row burnt on the way.</summary>
    private async Task<int> QuietAsync(CancellationToken cancellationToken)
    {
        var retries = 0;
        SyncStanding? last = null;
        await Wait.UntilAsync(
            async token =>
            {
                last = await _watch.ReadAsync(token);
                retries = Math.Max(retries, last.MostRetries);
                if (last.Terminal > 0)
                {
                    throw new LabException($"a row failed for good: {last.Failure}\n{Log()}");
                }

                return last.IsQuiet && await IsReadAsync(token);
            },
            s_quiet, () => $"not quiet: {last}\n{Log()}", cancellationToken);
        return retries;
    }

    /// <summary>The registry has told everything, and the secondary has read it: the log does not move, and the cursor is at its head.</summary>
    private async Task<bool> IsReadAsync(CancellationToken cancellationToken)
    {
        if (await _sites.Primary.Registry.ReadPendingNotificationsAsync(cancellationToken) > 0)
        {
            return false;
        }

        await using var primary = Npgsql.NpgsqlDataSource.Create(_sites.Primary.ConnectionString);
        await using var head = primary.CreateCommand("select coalesce(max(id), 0) from event");
        return (long)(await head.ExecuteScalarAsync(cancellationToken))! == await _watch.CursorAsync(cancellationToken)
            && (await _watch.ReadAsync(cancellationToken)).IsQuiet;
    }

    private async Task<string> CompareAsync(CancellationToken cancellationToken)
    {
        var byDigest = _load.ByDigestAlone;
        var untold = byDigest.Count;
        byDigest.IntersectWith(await ToldAsync(byDigest, cancellationToken));
        untold -= byDigest.Count;
        if (untold > 0 && !_queueLost)
        {
            throw new LabException($"{untold} pushes by digest are not in the primary's log\n{Log()}");
        }

        var difference = await _sites.CompareAsync(byDigest, cancellationToken: cancellationToken);
        Untagged = difference.UntaggedNotCopied.Count;
        if (!difference.IsEmpty)
        {
            throw new LabException($"the registries differ:\n{difference}\n{Log()}");
        }

        if (await _sites.Primary.SnapshotAsync(cancellationToken: cancellationToken) is { TagCount: 0 })
        {
            throw new LabException("there is nothing at the primary: the comparison says nothing");
        }

        return $"equal, {difference.UntaggedNotCopied.Count} without a tag{(untold > 0 ? $", {untold} of them pushed by digest and never told" : "")}";
    }

    /// <summary>
    /// Of these digests, those that the primary's log knows. What died in a killed registry's queue has neither a tag nor an event, and no
    /// request to a registry lists it.
    /// </summary>
    private async Task<List<string>> ToldAsync(HashSet<string> digests, CancellationToken cancellationToken)
    {
        await using var primary = Npgsql.NpgsqlDataSource.Create(_sites.Primary.ConnectionString);
        await using var command = primary.CreateCommand("select distinct digest from event where kind = 'push' and digest = any ($1)");
        command.Parameters.Add(new() { Value = digests.ToArray() });
        var told = new List<string>();
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            told.Add(row.GetString(0));
        }

        return told;
    }

    private string Log() => $"secondary:\n{_sites.Secondary.Geo.Serve?.LogTail(25)}\nworker:\n{_sites.Secondary.Geo.Workers.Select(w => w.LogTail(25)).Aggregate("", string.Concat)}";
}
