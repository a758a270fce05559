using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Npgsql;

namespace GeoDR.Lab;

/// <summary>What a soak of lost notifications is made of.</summary>
public sealed record LostSoakOptions
{
    public int Seed { get; init; } = 1;

    /// <summary>Length of the load in each round.</summary>
    public TimeSpan Load { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Share of the notifications that are lost.</summary>
    public double Loss { get; init; } = 0.05;
}

/// <summary>One round; times in seconds.</summary>
/// <param name="Dropped">Notifications of pushes and deletions that were answered 200 and lost.</param>
/// <param name="Queue">Notifications that died in the killed registry's queue, blobs' and pulls' among them.</param>
/// <param name="Gaps">Tags that are otherwise at the end than what got through says.</param>
/// <param name="Automatic">What the comparison found that GeoDR began by itself after the registry's restart.</param>
/// <param name="Found">What the comparison by hand found after it.</param>
/// <param name="Reconcile">That comparison's time.</param>
/// <param name="Equal">From its end until both registries were equal.</param>
public sealed record LostRound(
    int Number, long Pushes, long Deletions, int Dropped, long Queue, int Gaps, int Automatic, int Found, int Unreported, int Differences, double Reconcile, double Equal)
{
    public string ToLine() => string.Create(CultureInfo.InvariantCulture,
        $"{Number}\tlost\tpushes={Pushes}\tdeletions={Deletions}\tdropped={Dropped}\tqueue={Queue}\tgaps={Gaps}\tautomatic={Automatic}\tfound={Found}\tunreported={Unreported}\tdifferences={Differences}\treconcile={Reconcile:0.00}\tequal={Equal:0.00}");
}

/// <summary>
/// Loses notifications at random and kills the registry with a full queue, under pushes and deletions; after a reconcile both registries
/// must be equal, and every tag that nobody told of rightly must be among what was found.
/// </summary>
public sealed class LostSoak : IAsyncDisposable
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromMinutes(3);

    private readonly LostSoakOptions _options;
    private readonly TwoSites _sites;
    private readonly LossyRelay _relay;
    private readonly LostLoad _load;
    private readonly SyncWatch _watch;
    private readonly NpgsqlDataSource _primary;

    /// <param name="sites">Made with <see cref="Configure"/> and the relay; they end with the soak.</param>
    public LostSoak(LostSoakOptions options, TwoSites sites, LossyRelay relay)
    {
        (_options, _sites, _relay) = (options, sites, relay);
        _load = new LostLoad(sites.Primary, options.Seed);
        _watch = new SyncWatch(sites.Secondary.ConnectionString);
        _primary = NpgsqlDataSource.Create(sites.Primary.ConnectionString);
    }

    /// <summary>False where another soak goes on with the sites and the relay.</summary>
    public bool EndsSites { get; init; } = true;

    public static async Task<LostSoak> StartAsync(LostSoakOptions options, CancellationToken cancellationToken = default)
    {
        LossyRelay? relay = null;
        var sites = await TwoSites.StartAsync(
            new()
            {
                CreateAdmin = false, Configure = Configure,
                Links = async links =>
                {
                    relay = await LossyRelay.StartAsync(links.PrimaryNotifications, options.Seed);
                    return links with { PrimaryNotifications = relay.Url };
                },
            },
            cancellationToken);
        return new(options, sites, relay!);
    }

    /// <summary>Deletions travel at once, and no comparison begins that nobody asked for and nothing gave a reason for.</summary>
    public static void Configure(GeoSite site) => site
        .Set("Reconcile:Every", "0s").Set("Reconcile:Settle", "1s").Set("Reconcile:RequestsPerSecond", "0")
        .Set("Deletion:Quarantine", "none").Set("Deletion:ConfirmAfter", "500ms").Set("Deletion:Brake", "100000000");

    /// <exception cref="LabException">A gap was not reported, or the registries differ.</exception>
    public async Task<LostRound> RunAsync(int number, CancellationToken cancellationToken)
    {
        var random = new Random((_options.Seed * 1_000_003) + number);
        var (pushes, deletions, dropped) = (_load.Pushes, _load.Deletions, _relay.Dropped.Count);
        var lastRun = await ScalarAsync("select coalesce(max(id), 0) from reconcile_run", cancellationToken);
        var told = Known(await _sites.Primary.SnapshotAsync(cancellationToken: cancellationToken)).ToList();
        var before = _relay.Told.Count;
        var queue = await LoadAsync(random, cancellationToken);

        await ToldAsync(cancellationToken);
        var automatic = await AutomaticAsync(lastRun, cancellationToken);
        var held = await _sites.Primary.SnapshotAsync(cancellationToken: cancellationToken);
        var gaps = ToldTags.Gaps(told.Concat(_relay.Told.Skip(before)), held);
        var begun = Stopwatch.GetTimestamp();
        var found = await ReconcileAsync(_sites.Primary);
        var reconcile = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        var reported = automatic.Concat(found).ToHashSet();
        var unreported = gaps.Where(g => !reported.Contains((g.Repository, g.Tag, g.Held))).ToList();

        begun = Stopwatch.GetTimestamp();
        await QuietAsync(cancellationToken);
        var difference = await EqualAsync(cancellationToken);
        var equal = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        var round = new LostRound(
            number, _load.Pushes - pushes, _load.Deletions - deletions, _relay.Dropped.Count - dropped, queue, gaps.Count, automatic.Count, found.Count,
            unreported.Count, difference.Faults.Count, reconcile, equal);
        var again = (await ReconcileAsync(_sites.Primary, "--dry-run")).Concat(await ReconcileAsync(_sites.Secondary, "--dry-run")).ToList();
        return unreported.Count + again.Count == 0 && difference.IsEmpty ? round : throw new LabException(
            $"{round.ToLine()}\nunreported: {string.Join(", ", unreported)}\nfound afterwards: {string.Join(", ", again)}\n{difference}\n{Log()}");
    }

    public async ValueTask DisposeAsync()
    {
        await _primary.DisposeAsync();
        await _watch.DisposeAsync();
        if (EndsSites)
        {
            await _sites.DisposeAsync();
            await _relay.DisposeAsync();
        }
    }

    /// <summary>The load, in the middle of which the registry's queue fills and is lost; gives how many it held.</summary>
    private async Task<long> LoadAsync(Random random, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _relay.Loss = _options.Loss;
        var load = _load.RunAsync(stop.Token);
        long queue;
        try
        {
            await Task.Delay(_options.Load * (0.3 + (0.3 * random.NextDouble())), TimeProvider.System, cancellationToken);
            _relay.Refuses = true;
            await Task.Delay(Shorter(_options.Load * 0.15, TimeSpan.FromSeconds(10)), TimeProvider.System, cancellationToken);
            queue = await FullAsync(cancellationToken);
            _sites.Primary.Registry.Kill();
            var told = _relay.Told.Count;
            _relay.Refuses = false;
            await _sites.Primary.Registry.StartAgainAsync(cancellationToken);
            await Task.Delay(_options.Load * 0.3, TimeProvider.System, cancellationToken);
            await Wait.UntilAsync(() => _relay.Told.Count > told, s_deadline, () => $"the registry tells nothing after its restart\n{Log()}", cancellationToken);
        }
        finally
        {
            await stop.CancelAsync();
        }

        await load;
        _relay.Loss = 0;
        return queue;
    }

    private async Task<long> FullAsync(CancellationToken cancellationToken)
    {
        long queue = 0;
        await Wait.UntilAsync(
            async token => (queue = await _sites.Primary.Registry.ReadPendingNotificationsAsync(token)) > 0, s_deadline, () => $"the registry's queue stays empty\n{Log()}", cancellationToken);
        return queue;
    }

    /// <summary>Everything that the registry still had to tell was told.</summary>
    private Task ToldAsync(CancellationToken cancellationToken) => Wait.UntilAsync(
        async token => await _sites.Primary.Registry.ReadPendingNotificationsAsync(token) == 0, s_deadline, () => $"the registry has not told everything\n{Log()}", cancellationToken);

    /// <summary>What the comparison found that the new instance gave the reason for.</summary>
    private async Task<IReadOnlyList<(string, string, string?)>> AutomaticAsync(long after, CancellationToken cancellationToken)
    {
        await Wait.UntilAsync(
            async token => await ScalarAsync($"select count(*) from reconcile_run where id > {after} and status = 'done' and reason like 'the registry restarted%'", token) > 0
                && await ScalarAsync("select count(*) from reconcile_run where status in ('wanted', 'running')", token) == 0,
            s_deadline, () => $"the registry's restart was not noticed, or its comparison does not end\n{Log()}", cancellationToken);
        var found = new List<(string, string, string?)>();
        await using var command = _primary.CreateCommand($"select repository, reference, found from reconcile_finding where run_id > {after}");
        await using var row = await command.ExecuteReaderAsync(cancellationToken);
        while (await row.ReadAsync(cancellationToken))
        {
            found.Add((row.GetString(0), row.GetString(1), row.IsDBNull(2) ? null : row.GetString(2)));
        }

        return found;
    }

    private static async Task<IReadOnlyList<(string, string, string?)>> ReconcileAsync(Site site, params string[] more)
    {
        using var said = JsonDocument.Parse((await site.Geo.RunAsync(["reconcile", "--json", .. more])).EnsureSuccess().Output);
        return [.. said.RootElement.EnumerateArray().Select(f => (f.GetProperty("repository").GetString()!, f.GetProperty("tag").GetString()!, f.GetProperty("found").GetString()))];
    }

    /// <summary>The secondary has read the log to its end and has nothing to do.</summary>
    private async Task QuietAsync(CancellationToken cancellationToken)
    {
        SyncStanding? last = null;
        await Wait.UntilAsync(
            async token => await ScalarAsync("select coalesce(max(id), 0) from event", token) == await _watch.CursorAsync(token)
                && (last = await _watch.ReadAsync(token)).IsQuiet,
            s_deadline, () => $"not quiet: {last}\n{Log()}", cancellationToken);
    }

    /// <summary>Deletions take two looks, and longer where the tag came back meanwhile.</summary>
    private async Task<RegistryDifference> EqualAsync(CancellationToken cancellationToken)
    {
        var difference = await _sites.CompareAsync(cancellationToken: cancellationToken);
        try
        {
            // Reading all that a long load left takes its time.
            await Wait.UntilAsync(
                async token => difference.IsEmpty || (difference = await _sites.CompareAsync(cancellationToken: token)).IsEmpty,
                s_deadline + _options.Load, () => "they differ", cancellationToken);
        }
        catch (LabException)
        {
            // The round's line says how much, and the failure what.
        }

        return difference;
    }

    private async Task<long> ScalarAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = _primary.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>As if every tag that is there had been told.</summary>
    private static IEnumerable<ToldEvent> Known(RegistrySnapshot held) =>
        held.Repositories.Values.SelectMany(r => r.Tags.Select(t => new ToldEvent("push", r.Name, t.Key, t.Value)));

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;

    private string Log() => $"primary:\n{_sites.Primary.Geo.Serve?.LogTail(25)}\nsecondary:\n{_sites.Secondary.Geo.Serve?.LogTail(25)}";
}
