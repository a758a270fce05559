using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace GeoDR.Lab;

/// <summary>What one planned promotion came to.</summary>
/// <param name="Pushes">Taken so far.</param>
/// <param name="Command">Seconds that <c>geodr promote</c> took.</param>
/// <param name="Interruption">Seconds in which clients at the proxy had no push taken, at the longest.</param>
/// <param name="Steps">Each step of the report with its seconds.</param>
public sealed record HandoverRound(int Number, string From, string To, int Pushes, int Lost, double Command, double Interruption, string Steps)
{
    public string ToLine() => string.Create(CultureInfo.InvariantCulture,
        $"{Number}\t{From}>{To}\tpushes={Pushes}\tlost={Lost}\tcommand={Command:0.00}\tinterruption={Interruption:0.00}\t{Steps}");
}

/// <summary>Two sites behind HAProxy hand the role over and back under load: no push that was taken may be lost.</summary>
public sealed class HandoverSoak : IAsyncDisposable
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromMinutes(2);

    private readonly SiteGroup _sites;
    private readonly ProxyLoad _load;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;

    private HandoverSoak(SiteGroup sites, int seed)
    {
        _sites = sites;
        // Two sites, their databases and the clients share the machine: clients that never rest would measure its processors.
        _load = new ProxyLoad(sites.Proxy!.Url, seed, pause: TimeSpan.FromMilliseconds(100));
        _running = _load.RunAsync(_stop.Token);
    }

    public static async Task<HandoverSoak> StartAsync(int seed, CancellationToken cancellationToken = default) => new(
        await SiteGroup.StartAsync(
            new()
            {
                Names = ["berlin", "madrid"], Proxy = true, Fsync = true,
                Configure = site => site.Set("Reconcile:Every", "0s").Set("Reconcile:Settle", "1s").Set("Sync:Workers", "4"),
            }, cancellationToken), seed);

    /// <exception cref="LabException">A push was lost.</exception>
    public async Task<HandoverRound> RunAsync(int number, CancellationToken cancellationToken)
    {
        var (from, to) = await SidesAsync(cancellationToken);
        var before = _load.Taken.Count;
        await Wait.UntilAsync(() => _load.Taken.Count >= before + 20, s_deadline, () => $"nothing is pushed\n{Log(from)}", cancellationToken);
        _load.TakeLongest();
        var begun = Stopwatch.GetTimestamp();
        (await to.Geo.RunAsync("promote", "--yes", "--planned")).EnsureSuccess();
        var command = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        var after = _load.Taken.Count;
        await Wait.UntilAsync(() => _load.Taken.Count >= after + 20, s_deadline, () => $"nothing is pushed after the promotion\n{Log(to)}", cancellationToken);
        var interruption = _load.TakeLongest().TotalSeconds;

        // Everything that was taken by either is at the new primary, and soon at the old one.
        var all = _load.Taken.Keys.ToList();
        var lost = await MissingAsync(to, all, cancellationToken);
        if (lost.Count > 0)
        {
            throw new LabException($"{lost.Count} pushes were lost, {string.Join(", ", lost.Take(5))} among them\n{Log(to)}\n{Log(from)}");
        }

        List<string> late = [];
        await Wait.UntilAsync(async token => (late = await MissingAsync(from, all, token)).Count == 0, s_deadline, () => $"{late.Count} pushes do not reach {from.Name}\n{Log(from)}", cancellationToken);
        return new(number, from.Name, to.Name, all.Count, lost.Count, command, interruption, await StepsAsync(to));
    }

    private static async Task<string> StepsAsync(Site site)
    {
        var run = await site.Geo.RunAsync("reports", "--json");
        run.EnsureSuccess();
        using var reports = JsonDocument.Parse(run.Output);
        return string.Join(' ', reports.RootElement[0].GetProperty("report").GetProperty("steps").EnumerateArray()
            .Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.GetProperty("name").GetString()}={s.GetProperty("seconds").GetDouble():0.00}")));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        await _sites.DisposeAsync();
        _stop.Dispose();
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

    private static async Task<List<string>> MissingAsync(Site site, IEnumerable<(string Repository, string Tag)> taken, CancellationToken cancellationToken)
    {
        List<string> missing = [];
        foreach (var repository in taken.GroupBy(t => t.Repository))
        {
            var tags = (await site.Client.ListTagsAsync(repository.Key, cancellationToken)).ToHashSet(StringComparer.Ordinal);
            missing.AddRange(repository.Where(t => !tags.Contains(t.Tag)).Select(t => $"{t.Repository}:{t.Tag}"));
        }

        return missing;
    }

    private static string Log(Site site) => $"{site.Name}:\n{site.Geo.Serve?.LogTail(40)}";
}
