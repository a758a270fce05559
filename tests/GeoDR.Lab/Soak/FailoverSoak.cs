using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace GeoDR.Lab;

/// <summary>What a soak of failovers is made of.</summary>
public sealed record FailoverSoakOptions
{
    public int Seed { get; init; } = 1;

    /// <summary>The longest time under load before the plug is pulled; the shortest is a third of it.</summary>
    public TimeSpan Load { get; init; } = TimeSpan.FromSeconds(6);
}

/// <summary>What one failover came to.</summary>
/// <param name="Ahead">The third site held what the promoted one did not.</param>
/// <param name="Lost">Tags that the lost primary had otherwise.</param>
/// <param name="Outside">Of them, neither in the list nor pushed inside its window.</param>
/// <param name="Command">Seconds that <c>geodr promote</c> took.</param>
/// <param name="Taken">From the command to the first push that the new primary took in.</param>
/// <param name="Replicated">From the command until that push was at the third site.</param>
/// <param name="Home">From the old primary's power to all three being equal.</param>
public sealed record FailoverRound(
    int Number, string From, string To, bool Ahead, int Pushes, int Lost, int Listed, int Outside, int Offered, double Command, double Taken, double Replicated, double Home)
{
    public string ToLine() => string.Create(CultureInfo.InvariantCulture,
        $"{Number}\t{From}>{To}\tahead={(Ahead ? 1 : 0)}\tpushes={Pushes}\tlost={Lost}\tlisted={Listed}\toutside={Outside}\toffered={Offered}\tcommand={Command:0.00}\ttaken={Taken:0.00}\treplicated={Replicated:0.00}\thome={Home:0.00}");
}

/// <summary>
/// Three sites under load; the primary loses its power, another is promoted by one command, the third follows it, the old primary
/// comes home, and what only one of them had is taken over.
/// </summary>
public sealed class FailoverSoak : IAsyncDisposable
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromMinutes(2);

    private readonly FailoverSoakOptions _options;
    private readonly SiteGroup _sites;
    private int _loads;

    private FailoverSoak(FailoverSoakOptions options, SiteGroup sites) => (_options, _sites) = (options, sites);

    public static async Task<FailoverSoak> StartAsync(FailoverSoakOptions options, CancellationToken cancellationToken = default) =>
        new(options, await SiteGroup.StartAsync(
            new()
            {
                Fsync = true,
                Configure = site => site.Set("Reconcile:Every", "0s").Set("Reconcile:Settle", "1s").Set("Reconcile:RequestsPerSecond", "0").Set("Sync:Workers", "2"),
            }, cancellationToken));

    /// <exception cref="LabException">Something was lost that was not stated, or the sites do not come together again.</exception>
    public async Task<FailoverRound> RunAsync(int number, CancellationToken cancellationToken)
    {
        var random = new Random((_options.Seed * 1_000_003) + number);
        var from = await PrimaryAsync(cancellationToken);
        var others = _sites.Sites.Where(s => s != from).OrderBy(_ => random.Next()).ToList();
        var (to, third) = (others[0], others[1]);
        var load = new PlugLoad(from, (_options.Seed * 7_919) + (number * 101) + _loads++);
        await load.BeginAsync(cancellationToken);
        await EqualAsync([to, third], from, cancellationToken);

        var ahead = number % 3 == 2;
        using (var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken))
        {
            var running = load.RunAsync(stop.Token);
            try
            {
                await Task.Delay(_options.Load * (0.33 + (0.33 * random.NextDouble())), TimeProvider.System, cancellationToken);
                if (ahead)
                {
                    (await to.Geo.RunAsync("pause")).EnsureSuccess();
                }

                await Task.Delay(_options.Load * 0.33 * random.NextDouble(), TimeProvider.System, cancellationToken);
                await from.KillAsync();
            }
            finally
            {
                await stop.CancelAsync();
            }

            await running;
        }

        var stated = await LossPreview.TakeAsync(to, cancellationToken);
        var begun = Stopwatch.GetTimestamp();
        var promoted = (await to.Geo.RunAsync("promote", "--yes", "--unplanned")).EnsureSuccess();
        var command = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        var held = await TagsAsync(to, cancellationToken);
        to.Pusher.Forget();
        var first = await to.Pusher.PushAsync($"first/round{number:000}", "v1", ImageSpec.Random(ImageKind.Oci, ((long)_options.Seed << 40) + number), cancellationToken);
        await Wait.UntilAsync(async _ => (await to.Geo.RunAsync("events", "--json")).Output.Contains(first.Digest, StringComparison.Ordinal), s_deadline, () => Log(to), cancellationToken);
        var taken = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        await SiteGroup.ArrivesAsync(third, first, s_deadline, cancellationToken);
        var replicated = Stopwatch.GetElapsedTime(begun).TotalSeconds;

        // The truth, from a registry of which nobody takes notice yet.
        await from.Registry.StartAgainAsync(cancellationToken);
        var had = await TagsAsync(from, cancellationToken);
        var pushes = load.Pushes.GroupBy(p => (p.Repository, p.Tag, p.Digest)).ToDictionary(g => g.Key, g => g.Last());
        var lost = had.Where(h => h.Value is not null && held.GetValueOrDefault(h.Key) != h.Value)
            .Select(h => pushes.GetValueOrDefault((h.Key.Repository, h.Key.Tag, h.Value!))).OfType<ClientPush>().ToList();
        var outside = lost.Where(p => !stated.Names(p) && !stated.Covers(p)).ToList();
        if (outside.Count > 0)
        {
            throw new LabException($"lost and not stated: {string.Join(", ", outside)}; the window began at {stated.Since:O}\n{promoted.Error}");
        }

        begun = Stopwatch.GetTimestamp();
        var offered = await HomeAsync(from, to, third, had.Where(h => h.Value is null).Select(h => h.Key), load, cancellationToken);
        return new(
            number, from.Name, to.Name, ahead, load.Pushes.Count, lost.Count, lost.Count(stated.Names), outside.Count, offered, command, taken, replicated,
            Stopwatch.GetElapsedTime(begun).TotalSeconds);
    }

    public ValueTask DisposeAsync() => _sites.DisposeAsync();

    /// <summary>The old primary returns; what only it or the third site has is taken over by the new one. Gives how many tags that were.</summary>
    private static async Task<int> HomeAsync(Site from, Site to, Site third, IEnumerable<(string Repository, string Tag)> unreadable, PlugLoad load, CancellationToken cancellationToken)
    {
        foreach (var (repository, tag) in unreadable)
        {
            // Distribution was killed while it wrote that link, and answers 500 for it until it is written again.
            await load.MendAsync(repository, tag, cancellationToken);
        }

        await from.Postgres.StartAgainAsync(cancellationToken);
        await from.Geo.StartServeAsync(cancellationToken: cancellationToken);
        await Wait.UntilAsync(async _ => (await from.Geo.RunAsync("demote", "--yes")).ExitCode == 0, s_deadline, () => Log(from), cancellationToken);
        foreach (var site in new[] { from, third })
        {
            await Wait.UntilAsync(async _ => !await ComparingAsync(site), s_deadline, () => Log(site), cancellationToken);
        }

        // What they list is what they offer.
        var expected = await OpenAsync(from) + await OpenAsync(third);
        await Wait.UntilAsync(async _ => await OpenAsync(to) >= expected, s_deadline, () => $"{expected} tags are not offered\n{Log(to)}\n{Log(from)}", cancellationToken);
        await Wait.UntilAsync(
            async _ =>
            {
                // Once more where two sites have another content each under one tag: what is taken second is asked about again.
                if (await OpenAsync(to) > 0)
                {
                    (await to.Geo.RunAsync("divergent", "take", "--all")).EnsureSuccess();
                }

                return await OpenAsync(to) + await OpenAsync(from) + await OpenAsync(third) == 0;
            },
            s_deadline, () => $"what was decided is not done\n{Log(to)}\n{Log(from)}", cancellationToken);
        await EqualAsync([from, third], to, cancellationToken);
        return expected;
    }

    private static async Task<bool> ComparingAsync(Site site)
    {
        await using var source = Npgsql.NpgsqlDataSource.Create(site.ConnectionString);
        await using var command = source.CreateCommand("select comparing is not null or role <> 'secondary' from site");
        return (bool)(await command.ExecuteScalarAsync())!;
    }

    private static async Task<int> OpenAsync(Site site)
    {
        using var said = JsonDocument.Parse((await site.Geo.RunAsync("divergent", "list", "--json")).EnsureSuccess().Output);
        return said.RootElement.GetArrayLength();
    }

    private async Task<Site> PrimaryAsync(CancellationToken cancellationToken)
    {
        Site? primary = null;
        await Wait.UntilAsync(
            async token =>
            {
                foreach (var site in _sites.Sites)
                {
                    if (await site.Geo.AnswersAsync("/healthz/primary", token))
                    {
                        primary = site;
                    }
                }

                return primary is not null;
            },
            s_deadline, () => "no site is a primary", cancellationToken);
        return primary!;
    }

    private static async Task EqualAsync(IEnumerable<Site> sites, Site primary, CancellationToken cancellationToken)
    {
        foreach (var site in sites)
        {
            RegistryDifference? difference = null;
            await Wait.UntilAsync(
                async token => (difference = RegistryDifference.Compare(
                    await primary.SnapshotAsync(cancellationToken: token), await site.SnapshotAsync(cancellationToken: token))).IsEmpty,
                s_deadline, () => $"{site.Name} differs from {primary.Name}:\n{difference}\n{Log(site)}", cancellationToken);
        }
    }

    /// <summary>Every tag with its digest; null where the registry cannot read it any more.</summary>
    private static async Task<Dictionary<(string Repository, string Tag), string?>> TagsAsync(Site site, CancellationToken cancellationToken)
    {
        var tags = new Dictionary<(string, string), string?>();
        foreach (var name in (await site.Client.ListRepositoriesAsync(cancellationToken)).Where(n => n.StartsWith("plug/", StringComparison.Ordinal)))
        {
            foreach (var tag in await site.Client.ListTagsAsync(name, cancellationToken))
            {
                try
                {
                    tags[(name, tag)] = await site.Client.ResolveAsync(name, tag, cancellationToken);
                }
                catch (LabException)
                {
                    tags[(name, tag)] = null;
                }
            }
        }

        return tags;
    }

    private static string Log(Site site) => $"{site.Name}:\n{site.Geo.Serve?.LogTail(30)}";
}
