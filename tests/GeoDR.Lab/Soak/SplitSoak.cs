using System.Diagnostics;

namespace GeoDR.Lab;

/// <summary>
/// Three sites that all live; the network between them is cut, clients push into every registry that calls itself the primary's, and
/// what was promoted meanwhile is found out when it heals: fenced or in conflict, everything listed, nothing overwritten silently.
/// </summary>
public sealed partial class SplitSoak : IAsyncDisposable
{
    private const int SomePushes = 12;
    private static readonly TimeSpan s_hold = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_deadline = TimeSpan.FromMinutes(5);

    private readonly int _seed;
    private readonly SiteGroup _sites;

    private SplitSoak(int seed, SiteGroup sites) => (_seed, _sites) = (seed, sites);

    private SiteNetwork Links => _sites.Links!;

    public static async Task<SplitSoak> StartAsync(int seed, CancellationToken cancellationToken = default) => new(
        seed, await SiteGroup.StartAsync(
            new()
            {
                Links = true,
                Configure = site => site.Set("Failover:StartHold", $"{s_hold.TotalSeconds:0}s").Set("Reconcile:Every", "0s").Set("Reconcile:Settle", "1s")
                    .Set("Reconcile:RequestsPerSecond", "0").Set("Sync:Workers", "2"),
            }, cancellationToken));

    /// <exception cref="LabException">Something was overwritten or lost, or the sites do not come together again.</exception>
    public async Task<SplitRound> RunAsync(int number, CancellationToken cancellationToken)
    {
        var begun = Stopwatch.GetTimestamp();
        var random = new Random((_seed * 1_000_003) + number);
        var kind = (SplitKind)(number % 3);
        var old = await PrimaryAsync(cancellationToken);
        var others = _sites.Sites.Where(s => s != old).OrderBy(_ => random.Next()).ToList();
        var (winner, third) = (others[0], others[1]);
        var writers = new Writers(_seed + number, kind == SplitKind.Two ? [old, winner, third] : [old, winner]);
        await writers[old].BeginAsync(cancellationToken);
        await EqualAsync([winner, third], old, cancellationToken);

        var silent = random.Next(2) == 0;
        var thirdStays = kind == SplitKind.One && random.Next(2) == 0;
        Links.Cut(old, winner, silent);
        Links.Cut(thirdStays ? winner : old, third, silent);
        if (kind == SplitKind.Two)
        {
            Links.Cut(winner, third, silent);
        }

        // Everybody is the primary as far as its own clients can see.
        writers.Go(old, cancellationToken);
        await writers.MoreAsync(old, SomePushes, cancellationToken);
        (await winner.Geo.RunAsync("promote", "--yes")).EnsureSuccess();
        writers.Go(winner, cancellationToken);
        if (kind == SplitKind.Two)
        {
            (await third.Geo.RunAsync("promote", "--yes")).EnsureSuccess();
            writers.Go(third, cancellationToken);
        }

        var held = kind == SplitKind.Restart ? await RestartAsync(old, cancellationToken) : 0;
        foreach (var site in writers.Sites)
        {
            await SiteGroup.IsPrimaryAsync(site, s_deadline, cancellationToken);
            await writers.MoreAsync(site, SomePushes, cancellationToken);
        }

        Links.Heal();
        var healed = Stopwatch.GetTimestamp();
        var fenced = kind == SplitKind.Two ? writers.Sites : [old];
        await Wait.UntilAsync(
            async token => (await Task.WhenAll(fenced.Select(s => s.Geo.AnswersAsync("/healthz/primary", token)))).All(open => !open),
            s_deadline, () => $"not all of {Names(fenced)} are fenced\n{Log()}", cancellationToken);
        var seconds = Stopwatch.GetElapsedTime(healed).TotalSeconds;
        if (kind == SplitKind.Two)
        {
            await ConflictAsync(writers, winner, cancellationToken);
        }

        // Clients that do not know yet go on for a while at the wrong site.
        await writers.MoreAsync(old, SomePushes / 2, cancellationToken);
        var pushes = await writers.StopAsync();
        var (divergent, overwritten, lost) = await TogetherAsync(winner, old, third, kind, cancellationToken);
        var apart = kind == SplitKind.Two ? $"{old.Name}|{winner.Name}|{third.Name}" : thirdStays ? $"{old.Name}+{third.Name}|{winner.Name}" : $"{old.Name}|{winner.Name}+{third.Name}";
        return new(number, kind, silent, apart, pushes, held, seconds, kind == SplitKind.Two, divergent, overwritten, lost, Stopwatch.GetElapsedTime(begun).TotalSeconds);
    }

    public ValueTask DisposeAsync() => _sites.DisposeAsync();

    private static string Names(IEnumerable<Site> sites) => string.Join(", ", sites.Select(s => s.Name));

    private string Log() => string.Join('\n', _sites.Sites.Select(s => $"{s.Name}:\n{s.Geo.Serve?.LogTail(40)}"));

    /// <summary>Kills and starts the old primary: nobody answers it, so it keeps closed for as long as it waits for its peers, and then opens. Gives for how long.</summary>
    private static async Task<double> RestartAsync(Site old, CancellationToken cancellationToken)
    {
        old.Geo.Kill();
        var begun = Stopwatch.GetTimestamp();
        await old.Geo.StartServeAsync(cancellationToken: cancellationToken);
        await SiteGroup.IsPrimaryAsync(old, s_deadline, cancellationToken);
        var held = Stopwatch.GetElapsedTime(begun);
        // A log arrives a moment after what it tells.
        await Wait.UntilAsync(
            () => held >= s_hold && old.Geo.Serve!.LogTail(100).Contains("without a word from", StringComparison.Ordinal), TimeSpan.FromSeconds(10),
            () => $"{old.Name} opened after {held.TotalSeconds:0.0} s without having waited for its peers\n{old.Geo.Serve?.LogTail(40)}", cancellationToken);
        return held.TotalSeconds;
    }

    private async Task<Site> PrimaryAsync(CancellationToken cancellationToken)
    {
        List<Site> primaries = [];
        await Wait.UntilAsync(
            async token =>
            {
                var open = await Task.WhenAll(_sites.Sites.Select(s => s.Geo.AnswersAsync("/healthz/primary", token)));
                primaries = [.. _sites.Sites.Where((_, i) => open[i])];
                return primaries.Count == 1;
            },
            s_deadline, () => $"{primaries.Count} sites are primaries", cancellationToken);
        return primaries[0];
    }

    private async Task EqualAsync(IEnumerable<Site> sites, Site primary, CancellationToken cancellationToken, HashSet<string>? but = null)
    {
        foreach (var site in sites)
        {
            RegistryDifference? difference = null;
            await Wait.UntilAsync(
                async token => (difference = RegistryDifference.Compare(
                    await primary.SnapshotAsync(cancellationToken: token), await site.SnapshotAsync(cancellationToken: token))).Faults.All(f => but?.Contains(f) == true),
                s_deadline, () => $"{site.Name} differs from {primary.Name}:\n{difference}\n{Log()}", cancellationToken);
        }
    }

    /// <summary>Clients of several sites at once; all push into the same repositories and tags.</summary>
    private sealed class Writers(int seed, IReadOnlyList<Site> sites)
    {
        private readonly Dictionary<Site, PlugLoad> _loads = sites.Select((s, i) => (s, new PlugLoad(s, (seed * 31) + i + 1))).ToDictionary(p => p.s, p => p.Item2);
        private readonly CancellationTokenSource _stop = new();
        private readonly List<Task> _running = [];

        public IReadOnlyList<Site> Sites => sites;

        public PlugLoad this[Site site] => _loads[site];

        public void Go(Site site, CancellationToken cancellationToken) => _running.Add(RunAsync(_loads[site], cancellationToken));

        public async Task MoreAsync(Site site, int pushes, CancellationToken cancellationToken)
        {
            var before = _loads[site].Pushes.Count;
            await Wait.UntilAsync(() => _loads[site].Pushes.Count >= before + pushes, s_deadline, () => $"nothing is pushed to {site.Name}", cancellationToken);
        }

        public async Task<IReadOnlyDictionary<string, int>> StopAsync()
        {
            await _stop.CancelAsync();
            await Task.WhenAll(_running);
            _stop.Dispose();
            return _loads.ToDictionary(l => l.Key.Name, l => l.Value.Pushes.Count);
        }

        private async Task RunAsync(PlugLoad load, CancellationToken cancellationToken)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stop.Token);
            await load.RunAsync(stop.Token);
        }
    }
}
