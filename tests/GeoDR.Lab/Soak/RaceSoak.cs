using System.Diagnostics;
using System.Globalization;

namespace GeoDR.Lab;

/// <summary>What one change of roles came to while workers ran.</summary>
/// <param name="Copying">Repositories that waited or were being copied when the role changed.</param>
/// <param name="Older">Pushes to the old primary's registry.</param>
/// <param name="Newer">Pushes to the new primary's registry, over the same tags, from the moment of the promotion.</param>
/// <param name="Divergent">Tags that only the old primary had, dropped.</param>
/// <param name="Over">Tags under which the new primary does not hold what was pushed to it last.</param>
/// <param name="Together">Seconds from the promotion to both sites holding the same.</param>
public sealed record RaceRound(int Number, string From, string To, long Copying, int Older, int Newer, int Divergent, int Over, double Together)
{
    public string ToLine() => string.Create(CultureInfo.InvariantCulture,
        $"{Number}\t{From}>{To}\tcopying={Copying}\tolder={Older}\tnewer={Newer}\tdivergent={Divergent}\tover={Over}\ttogether={Together:0.0}");
}

/// <summary>
/// Two sites with workers of their own. The role changes while workers copy, clients push over the same tags at the new primary at
/// once, and the old primary comes back at the same moment: no old content may remain over new.
/// </summary>
public sealed class RaceSoak : IAsyncDisposable
{
    private const int WorkerProcesses = 1;
    private static readonly TimeSpan s_deadline = TimeSpan.FromMinutes(3);

    private readonly int _seed;
    private readonly SiteGroup _sites;

    private RaceSoak(int seed, SiteGroup sites) => (_seed, _sites) = (seed, sites);

    public static async Task<RaceSoak> StartAsync(int seed, CancellationToken cancellationToken = default)
    {
        var sites = await SiteGroup.StartAsync(
            new()
            {
                Names = ["berlin", "madrid"], WorkerProcesses = WorkerProcesses,
                Configure = site => site.Set("Reconcile:Every", "0s").Set("Sync:Workers", "4").Set("Failover:StartHold", "1s"),
            }, cancellationToken);
        // A worker of a primary waits until its site is none.
        sites.Sites[0].Geo.StartWorkers(WorkerProcesses);
        return new(seed, sites);
    }

    /// <exception cref="LabException">Old content stands over new, or the sites do not come together.</exception>
    public async Task<RaceRound> RunAsync(int number, CancellationToken cancellationToken)
    {
        var random = new Random((_seed * 1_000_003) + number);
        var (from, to) = await SidesAsync(cancellationToken);
        var (older, newer) = (new PlugLoad(from, (_seed * 2_003) + (2 * number)), new PlugLoad(to, (_seed * 2_003) + (2 * number) + 1));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var loads = new List<Task> { older.RunAsync(stop.Token) };
        // What is pushed now waits, so that workers are in the midst of it when the role changes.
        (await to.Geo.RunAsync("pause")).EnsureSuccess();
        var first = random.Next(30, 80);
        await Wait.UntilAsync(() => older.Pushes.Count >= first, s_deadline, () => $"nothing is pushed to {from.Name}", cancellationToken);

        from.Geo.Kill();
        (await to.Geo.RunAsync("resume")).EnsureSuccess();
        var copying = await SiteReads.ScalarAsync<long>(to, "select count(*) from repository where state in (0, 1)", cancellationToken);
        await Task.Delay(random.Next(500), cancellationToken);
        var begun = Stopwatch.GetTimestamp();
        var promoting = to.Geo.RunAsync("promote", "--yes", "--unplanned");
        // Somewhere around the moment in which the role changes.
        var back = BackAsync(from, TimeSpan.FromMilliseconds(random.Next(2500)), cancellationToken);
        await Wait.UntilAsync(token => SiteReads.ScalarAsync<bool>(to, "select role = 'primary' from site", token), s_deadline, () => $"{to.Name} is not promoted\n{Log()}", cancellationToken);
        loads.Add(newer.RunAsync(stop.Token));
        (await promoting).EnsureSuccess();
        await back;
        await SiteGroup.IsPrimaryAsync(to, s_deadline, cancellationToken);
        var enough = newer.Pushes.Count + random.Next(10, 40);
        await Wait.UntilAsync(() => newer.Pushes.Count >= enough, s_deadline, () => $"nothing is pushed to {to.Name}", cancellationToken);
        await stop.CancelAsync();
        await Task.WhenAll(loads);

        await Wait.UntilAsync(async _ => (await from.Geo.RunAsync("demote", "--yes")).ExitCode == 0, s_deadline, () => $"{from.Name} does not become a secondary\n{Log()}", cancellationToken);
        await Wait.UntilAsync(
            async token => await SiteReads.ScalarAsync<string>(from, "select role || coalesce(follows, '') || coalesce(comparing, '') from site", token) == "secondary" + to.Name,
            s_deadline, () => $"{from.Name} does not follow {to.Name}\n{Log()}", cancellationToken);
        var divergent = await DropAsync(from, to, cancellationToken);

        var last = newer.Pushes.GroupBy(p => (p.Repository, p.Tag)).ToDictionary(g => g.Key, g => g.Last().Digest);
        var over = await DifferAsync(to, last, cancellationToken);
        if (over.Count > 0)
        {
            throw new LabException($"{to.Name} does not hold what was pushed to it last: {string.Join(", ", over.Take(5))}\n{Log()}");
        }

        List<string> behind = [];
        await Wait.UntilAsync(
            async token => (behind = await DifferAsync(from, await SiteReads.TagsAsync(to, token), token)).Count == 0,
            s_deadline, () => $"{from.Name} does not hold what {to.Name} has: {string.Join(", ", behind.Take(5))}\n{Log()}", cancellationToken);
        return new(number, from.Name, to.Name, copying, older.Pushes.Count, newer.Pushes.Count, divergent, over.Count, Stopwatch.GetElapsedTime(begun).TotalSeconds);
    }

    public ValueTask DisposeAsync() => _sites.DisposeAsync();

    private static async Task BackAsync(Site site, TimeSpan after, CancellationToken cancellationToken)
    {
        await Task.Delay(after, cancellationToken);
        await site.Geo.StartServeAsync(cancellationToken: cancellationToken);
        site.Geo.StartWorkers(WorkerProcesses);
    }

    /// <summary>What only the old primary has is given up, until nothing is left to decide.</summary>
    private async Task<int> DropAsync(Site from, Site to, CancellationToken cancellationToken)
    {
        var dropped = new HashSet<(string, string, string, string)>();
        await Wait.UntilAsync(
            async token =>
            {
                var open = (await SiteReads.DivergentAsync(from, token)).Concat(await SiteReads.DivergentAsync(to, token)).ToList();
                dropped.UnionWith(open);
                if (open.Count > 0)
                {
                    // What the other site has found and not told of yet is decided in the next round.
                    await to.Geo.RunAsync("divergent", "drop", "--all");
                }

                return open.Count == 0 && await SiteReads.ScalarAsync<long>(from, "select count(*) from repository where state in (0, 1)", token) == 0;
            },
            s_deadline, () => $"what was decided is not done\n{Log()}", cancellationToken);
        return dropped.Count;
    }

    private async Task<(Site From, Site To)> SidesAsync(CancellationToken cancellationToken)
    {
        Site? from = null;
        await Wait.UntilAsync(
            async token =>
            {
                var open = await Task.WhenAll(_sites.Sites.Select(s => s.Geo.AnswersAsync("/healthz/primary", token)));
                from = open.Count(o => o) == 1 ? _sites.Sites[open[0] ? 0 : 1] : null;
                return from is not null;
            },
            s_deadline, () => $"not one site is the primary\n{Log()}", cancellationToken);
        return (from!, _sites.Sites.Single(s => s != from));
    }

    private static async Task<List<string>> DifferAsync(Site site, IReadOnlyDictionary<(string Repository, string Tag), string> wanted, CancellationToken cancellationToken)
    {
        List<string> differ = [];
        foreach (var ((repository, tag), digest) in wanted)
        {
            if (await site.Client.ResolveAsync(repository, tag, cancellationToken) is var found && found != digest)
            {
                differ.Add($"{repository}:{tag} is {found ?? "missing"}, not {digest}");
            }
        }

        return differ;
    }

    private string Log() => string.Join('\n', _sites.Sites.Select(s => $"{s.Name}:\n{s.Geo.Serve?.LogTail(40)}"));
}
