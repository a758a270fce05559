using System.Diagnostics;
using GeoDR.Lab.Faults;
using Npgsql;

namespace GeoDR.Lab;

/// <summary>What a soak of pulled plugs is made of.</summary>
public sealed record PlugSoakOptions
{
    public int Seed { get; init; } = 1;

    /// <summary>The longest time under load before the plug is pulled; the shortest is a third of it.</summary>
    public TimeSpan Load { get; init; } = TimeSpan.FromSeconds(9);

    /// <summary>The longest time for which one part is gone before the others.</summary>
    public TimeSpan Before { get; init; } = TimeSpan.FromSeconds(12);
}

/// <summary>
/// Kills everything of the primary under load. What its registry held and the secondary's does not must be in the list of what would be
/// lost, or have been pushed inside that list's window; and nothing in the list may be at the secondary.
/// </summary>
public sealed class PlugSoak : IAsyncDisposable
{
    private const long BytesPerSecond = 400_000;

    /// <summary>In place of a digest: Distribution empties a tag's link before it writes it, and was killed in between.</summary>
    private const string Unreadable = "unreadable";
    private static readonly TimeSpan s_deadline = TimeSpan.FromMinutes(2);

    private readonly PlugSoakOptions _options;
    private readonly TwoSites _sites;
    private readonly PlugLines _lines;
    private readonly SyncWatch _watch;
    private readonly PlugLoad _load;

    /// <param name="sites">Made with the lines; they end with the soak.</param>
    public PlugSoak(PlugSoakOptions options, TwoSites sites, PlugLines lines)
    {
        (_options, _sites, _lines) = (options, sites, lines);
        _watch = new SyncWatch(sites.Secondary.ConnectionString);
        _load = new PlugLoad(sites.Primary, options.Seed);
    }

    public static async Task<PlugSoak> StartAsync(PlugSoakOptions options, CancellationToken cancellationToken = default)
    {
        var lines = new PlugLines();
        var sites = await TwoSites.StartAsync(
            new()
            {
                CreateAdmin = false, Fsync = true, Workers = 2, Links = links => Task.FromResult(lines.Lay(links)),
                Configure = site => site.Set("Reconcile:Every", "0s").Set("Reconcile:Settle", "1s").Set("Reconcile:RequestsPerSecond", "0"),
            },
            cancellationToken);
        return new(options, sites, lines);
    }

    /// <param name="goOn">False leaves the primary without power: the last round.</param>
    /// <exception cref="LabException">The preview was wrong.</exception>
    public async Task<PlugRound> RunAsync(int number, bool goOn, CancellationToken cancellationToken)
    {
        var random = new Random((_options.Seed * 1_000_003) + number);
        var way = (PlugWay)(number % 4);
        if (_load.Pushes.Count == 0)
        {
            // A repository that was never compared whole is one of which the list says itself that it is not complete.
            await _load.BeginAsync(cancellationToken);
            await QuietAsync(cancellationToken);
        }

        var earlier = _load.Pushes.Count;
        _lines.Registry.BytesPerSecond = BytesPerSecond;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var load = _load.RunAsync(stop.Token);
        var before = 0.0;
        DateTimeOffset plug;
        try
        {
            await Task.Delay(_options.Load * (0.33 + (0.67 * random.NextDouble())), TimeProvider.System, cancellationToken);
            before = await FirstAsync(way, random, cancellationToken);
            plug = TimeProvider.System.GetUtcNow();
            await _sites.Primary.KillAsync();
        }
        finally
        {
            await stop.CancelAsync();
        }

        // At once: what is listed now and was here before it was asked for is wrong; what is on its way may still arrive.
        var here = await TagsAsync(_sites.Secondary, cancellationToken);
        var atOnce = await LossPreview.TakeAsync(_sites.Secondary, cancellationToken);
        await load;
        await GivenUpAsync(cancellationToken);
        var noticed = (TimeProvider.System.GetUtcNow() - plug).TotalSeconds;
        var later = await LossPreview.TakeAsync(_sites.Secondary, cancellationToken);
        var left = await TagsAsync(_sites.Secondary, cancellationToken);

        // The truth, with nobody there to copy it.
        _lines.Registry.RefuseConnections = true;
        _lines.Registry.CutAll();
        await _sites.Primary.Registry.StartAgainAsync(cancellationToken);
        var held = await TagsAsync(_sites.Primary, cancellationToken);
        var lost = Lost(held, left, plug);
        var outside = lost.Where(p => !(later.Names(p) || later.Covers(p)) || !(atOnce.Names(p) || atOnce.Covers(p))).ToList();
        var wrong = later.Listed.Where(l => left.GetValueOrDefault((l.Repository, l.Reference)) == l.Digest)
            .Concat(atOnce.Listed.Where(l => here.GetValueOrDefault((l.Repository, l.Reference)) == l.Digest)).ToList();
        var listed = lost.Count(later.Names);
        var round = new PlugRound(
            number, way, _load.Pushes.Count - earlier, before, lost.Count, listed, lost.Count - listed - outside.Count, outside.Count, wrong.Count,
            atOnce.Window ?? double.PositiveInfinity, atOnce.Since is { } since ? (plug - since).TotalSeconds : double.PositiveInfinity, noticed);
        if (outside.Count + wrong.Count > 0 || atOnce.Incomplete + later.Incomplete > 0)
        {
            throw new LabException(
                $"{round.ToLine()}\nplug at {plug:O}, window from {atOnce.Since:O} at once, from {later.Since:O} later, incomplete {atOnce.Incomplete} and {later.Incomplete}\n"
                + $"lost outside: {string.Join(", ", outside)}\nlisted but here: {string.Join(", ", wrong)}\n{_sites.Secondary.Geo.Serve?.LogTail(25)}");
        }

        if (goOn)
        {
            await GoOnAsync(held.Where(h => h.Value == Unreadable).Select(h => h.Key), cancellationToken);
        }

        return round;
    }

    public async ValueTask DisposeAsync()
    {
        await _watch.DisposeAsync();
        await _sites.DisposeAsync();
        await _lines.DisposeAsync();
    }

    /// <summary>Ends one part before the others, and gives the seconds between.</summary>
    private async Task<double> FirstAsync(PlugWay way, Random random, CancellationToken cancellationToken)
    {
        if (way == PlugWay.AtOnce)
        {
            return 0;
        }

        var begun = Stopwatch.GetTimestamp();
        switch (way)
        {
            case PlugWay.DatabaseFirst: await _sites.Primary.Postgres.KillAsync(); break;
            case PlugWay.IntakeFirst: _sites.Primary.Geo.Kill(); break;
            default: _lines.Log.Stalled = true; break;
        }

        await Task.Delay(_options.Before * random.NextDouble(), TimeProvider.System, cancellationToken);
        return Stopwatch.GetElapsedTime(begun).TotalSeconds;
    }

    /// <summary>What cannot be finished is not being worked on any more.</summary>
    private Task GivenUpAsync(CancellationToken cancellationToken) => Wait.UntilAsync(
        async token =>
        {
            await using var source = NpgsqlDataSource.Create(_sites.Secondary.ConnectionString);
            await using var command = source.CreateCommand("select count(*) from repository where state = 1");
            var standing = await _watch.ReadAsync(token);
            return (long)(await command.ExecuteScalarAsync(token))! == 0 && (standing.Open + standing.Waiting == 0 || standing.Outages > 0);
        },
        s_deadline, () => $"the secondary's workers do not give up\n{_sites.Secondary.Geo.Serve?.LogTail(25)}", cancellationToken);

    /// <summary>Every tag that the primary holds otherwise than the secondary, with its push.</summary>
    private List<ClientPush> Lost(
        IReadOnlyDictionary<(string Repository, string Tag), string> held, IReadOnlyDictionary<(string Repository, string Tag), string> left, DateTimeOffset plug)
    {
        var pushes = _load.Pushes.GroupBy(p => (p.Repository, p.Tag, p.Digest)).ToDictionary(g => g.Key, g => g.Last());
        var newest = _load.Pushes.GroupBy(p => (p.Repository, p.Tag)).ToDictionary(g => g.Key, g => g.Last());
        foreach (var push in newest.Values.Where(p => !held.ContainsKey((p.Repository, p.Tag))))
        {
            throw new LabException($"the primary's own registry lost {push}, of which it said 201");
        }

        return
        [
            .. held.Where(h => h.Value != Unreadable && left.GetValueOrDefault(h.Key) != h.Value).Select(h =>
                pushes.TryGetValue((h.Key.Repository, h.Key.Tag, h.Value), out var push) ? push : new ClientPush(h.Key.Repository, h.Key.Tag, h.Value, plug, false)),
        ];
    }

    private static async Task<IReadOnlyDictionary<(string Repository, string Tag), string>> TagsAsync(Site site, CancellationToken cancellationToken)
    {
        var tags = new System.Collections.Concurrent.ConcurrentDictionary<(string Repository, string Tag), string>();
        await Parallel.ForEachAsync(
            await site.Client.ListRepositoriesAsync(cancellationToken), new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = cancellationToken },
            async (name, token) =>
            {
                foreach (var tag in await site.Client.ListTagsAsync(name, token))
                {
                    try
                    {
                        tags[(name, tag)] = await site.Client.ResolveAsync(name, tag, token) ?? Unreadable;
                    }
                    catch (LabException)
                    {
                        tags[(name, tag)] = Unreadable;
                    }
                }
            });
        return tags;
    }

    /// <summary>Power again, and everything copied that was not.</summary>
    private async Task GoOnAsync(IEnumerable<(string Repository, string Tag)> unreadable, CancellationToken cancellationToken)
    {
        _lines.Heal();
        await _sites.Primary.StartAgainAsync(cancellationToken);
        foreach (var (repository, tag) in unreadable)
        {
            await _load.MendAsync(repository, tag, cancellationToken);
        }

        // Its queue was memory: what it had not told is found by comparing.
        (await _sites.Primary.Geo.RunAsync("reconcile")).EnsureSuccess();
        await QuietAsync(cancellationToken);
        await _sites.WaitUntilEqualAsync(s_deadline, cancellationToken: cancellationToken);
    }

    /// <summary>The primary's registry has told everything, the secondary has read it, and has nothing to do.</summary>
    private async Task QuietAsync(CancellationToken cancellationToken)
    {
        SyncStanding? last = null;
        await using var primary = NpgsqlDataSource.Create(_sites.Primary.ConnectionString);
        await Wait.UntilAsync(
            async token =>
            {
                if (await _sites.Primary.Registry.ReadPendingNotificationsAsync(token) > 0)
                {
                    return false;
                }

                await using var head = primary.CreateCommand("select coalesce(max(id), 0) from event");
                return (long)(await head.ExecuteScalarAsync(token))! == await _watch.CursorAsync(token) && (last = await _watch.ReadAsync(token)).IsQuiet;
            },
            s_deadline, () => $"not quiet: {last}\n{_sites.Secondary.Geo.Serve?.LogTail(25)}", cancellationToken);
    }
}
