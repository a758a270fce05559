using System.Diagnostics;

namespace GeoDR.Lab;

/// <summary>
/// Two sites behind HAProxy under a light load; one process is killed during one step of a change of roles, started again, and the
/// operator's command is repeated. Then one site is the primary, clients are let in, and nothing that was taken is lost or unlisted.
/// </summary>
public sealed partial class CrashSoak : IAsyncDisposable
{
    private const int SomePushes = 6;
    private static readonly TimeSpan s_deadline = TimeSpan.FromMinutes(2);

    private readonly int _seed;
    private readonly SiteGroup _sites;

    private CrashSoak(int seed, SiteGroup sites) => (_seed, _sites) = (seed, sites);

    public static async Task<CrashSoak> StartAsync(int seed, CancellationToken cancellationToken = default) => new(
        seed, await SiteGroup.StartAsync(
            new()
            {
                Names = ["berlin", "madrid"], Proxy = true,
                Configure = site => site.Set("Reconcile:Every", "0s").Set("Reconcile:Settle", "1s").Set("Reconcile:RequestsPerSecond", "0").Set("Sync:Workers", "2"),
            }, cancellationToken));

    /// <exception cref="LabException">Two primaries or none, clients left fenced, a push lost, or sites that do not come together.</exception>
    public Task<CrashRound> RunAsync(int number, CancellationToken cancellationToken) => RunAsync(number, CrashCase.All[number % CrashCase.All.Count], cancellationToken);

    /// <inheritdoc cref="RunAsync(int, CancellationToken)"/>
    public async Task<CrashRound> RunAsync(int number, CrashCase what, CancellationToken cancellationToken)
    {
        var random = new Random((_seed * 1_000_003) + number);
        var (from, to) = await SidesAsync(cancellationToken);
        var load = new ProxyLoad(_sites.Proxy!.Url, (_seed * 7_919) + number, $"round{number:000}", TimeSpan.FromMilliseconds(400));
        var round = new Round(number, what, from, to, load, random, await EpochAsync(to, cancellationToken));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var running = load.RunAsync(stop.Token);
        try
        {
            await PushesAsync(round, cancellationToken);
            await (what.Change == CrashChange.Demote ? DemoteAsync(round, cancellationToken) : PromoteAsync(round, cancellationToken));
            await PushesAsync(round, cancellationToken);
        }
        finally
        {
            await stop.CancelAsync();
            await running;
        }

        if (what.Change != CrashChange.Planned)
        {
            await ComeHomeAsync(round, cancellationToken);
        }

        await CheckAsync(round, cancellationToken);
        return new(
            number, what, from.Name, to.Name, round.At, round.Outcome, load.Taken.Count, round.Listed, 0, round.LetIn, Stopwatch.GetElapsedTime(round.Killed).TotalSeconds);
    }

    public ValueTask DisposeAsync() => _sites.DisposeAsync();

    /// <summary>What a round knows so far.</summary>
    private sealed record Round(int Number, CrashCase Case, Site From, Site To, ProxyLoad Load, Random Random, long Epoch)
    {
        public string At { get; set; } = "";
        public string Outcome { get; set; } = "";
        public int Listed { get; set; }
        public double LetIn { get; set; }
        public long Killed { get; set; } = Stopwatch.GetTimestamp();

        /// <summary>What was pushed into the old primary's registry alone: digests by repository.</summary>
        public Dictionary<string, string> Own { get; } = [];

        /// <summary>Half of the kills come at once, half within the next 300 ms.</summary>
        public TimeSpan Delay { get; } = TimeSpan.FromMilliseconds(Random.Next(Random.Next(2) == 0 ? 20 : 300));

        public string Log() => $"{Case} at {At}, {Outcome}\n{From.Name}:\n{From.Geo.Serve?.LogTail(40)}\n{To.Name}:\n{To.Geo.Serve?.LogTail(40)}";
    }

    /// <summary>One primary in the epoch that was stated, every push that was taken, and two equal sites.</summary>
    private static async Task CheckAsync(Round round, CancellationToken cancellationToken)
    {
        var (from, to) = (round.From, round.To);
        await SiteGroup.IsPrimaryAsync(to, s_deadline, cancellationToken);
        await Wait.UntilAsync(async token => await RoleAsync(from, token) == "secondary", s_deadline, () => $"{from.Name} is still a primary\n{round.Log()}", cancellationToken);
        if (await EpochAsync(to, cancellationToken) is var epoch && epoch != round.Epoch + 1)
        {
            throw new LabException($"the epoch is {epoch} and was {round.Epoch}\n{round.Log()}");
        }

        var lost = await MissingAsync(to, round.Load.Taken, cancellationToken);
        if (lost.Count > 0)
        {
            throw new LabException($"{lost.Count} of {round.Load.Taken.Count} pushes are lost, {string.Join(", ", lost.Take(5))} among them\n{round.Log()}");
        }

        RegistryDifference? difference = null;
        await Wait.UntilAsync(
            async token => (difference = RegistryDifference.Compare(
                await to.SnapshotAsync(cancellationToken: token), await from.SnapshotAsync(cancellationToken: token))).IsEmpty,
            s_deadline, () => $"{from.Name} differs from {to.Name}:\n{difference}\n{round.Log()}", cancellationToken);
    }

    /// <summary>Returns when some more pushes were taken: clients are let in by somebody.</summary>
    private static async Task PushesAsync(Round round, CancellationToken cancellationToken)
    {
        var before = round.Load.Taken.Count;
        await Wait.UntilAsync(() => round.Load.Taken.Count >= before + SomePushes, s_deadline, () => $"no client is let in\n{round.Log()}", cancellationToken);
    }

    private async Task<(Site From, Site To)> SidesAsync(CancellationToken cancellationToken)
    {
        Site? from = null;
        await Wait.UntilAsync(
            async token =>
            {
                foreach (var site in _sites.Sites)
                {
                    from = await site.Geo.AnswersAsync("/healthz/primary", token) ? site : from;
                }

                return from is not null;
            },
            s_deadline, () => "no site is a primary", cancellationToken);
        return (from!, _sites.Sites.Single(s => s != from));
    }

    private static async Task<IReadOnlyList<string>> MissingAsync(Site site, IReadOnlyDictionary<(string Repository, string Tag), string> taken, CancellationToken cancellationToken)
    {
        List<string> missing = [];
        foreach (var ((repository, tag), digest) in taken)
        {
            if (await site.Client.ResolveAsync(repository, tag, cancellationToken) != digest)
            {
                missing.Add($"{repository}:{tag}");
            }
        }

        return missing;
    }

    private static async Task<HashSet<string>> DivergentAsync(Site site, CancellationToken cancellationToken) => [.. (await SiteReads.DivergentAsync(site, cancellationToken)).Select(t => $"{t.Repository}:{t.Tag}")];

    private static Task<string> RoleAsync(Site site, CancellationToken cancellationToken) => SiteReads.ScalarAsync<string>(site, "select role from site", cancellationToken);

    private static Task<long> EpochAsync(Site site, CancellationToken cancellationToken) =>
        SiteReads.ScalarAsync<long>(site, "select coalesce(max(epoch), 0) from term where rejected is null", cancellationToken);
}
