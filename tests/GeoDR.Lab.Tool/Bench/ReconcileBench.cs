using System.Globalization;
using System.Text.Json.Nodes;
using GeoDR.Lab.Registries;
using Spectre.Console;

namespace GeoDR.Lab.Tool.Bench;

/// <summary>Sizes of the reconcile benchmark.</summary>
/// <param name="Repositories">In each registry; then twice as many.</param>
/// <param name="Drift">Share of them that drifted.</param>
/// <param name="Rate">Requests a second to the own registry; 0 for as many as can be had.</param>
internal sealed record ReconcileOptions(int Repositories, double Drift, int Rate, int Seed);

/// <summary>
/// A few repositories of very many drifted, by changes that were put into the storage of either side and told by no event: requests
/// and seconds until all of that, and nothing else, is known.
/// </summary>
internal sealed class ReconcileBench(ReconcileOptions options)
{
    private const int Misapplied = 3;
    private const int PageOfFingerprints = 1000;

    private static readonly LabImage s_old = LabImage.Create("reconcile/old", 2000);
    private static readonly LabImage s_new = LabImage.Create("reconcile/new", 2000);
    private static readonly LabImage s_drifted = LabImage.Create("reconcile/drifted", 2000);
    private static readonly Dictionary<string, LabImage> s_tags = new() { ["v1"] = s_old, ["v2"] = s_new, ["latest"] = s_new };

    private readonly Table _table = new Table().AddColumns("repositories", "step", "site", "drifted", "found", "seconds", "own requests", "(said)", "between the sites", "(said)");
    private readonly Dictionary<(string Step, string Site), List<Comparison>> _bySize = [];

    public async Task<JsonObject> RunAsync(CancellationToken cancellationToken)
    {
        var figures = new JsonObject();
        foreach (var repositories in new[] { options.Repositories, 2 * options.Repositories })
        {
            Console.Error.WriteLine($"reconcile: two registries of {repositories} repositories with {s_tags.Count} tags each");
            figures[$"{repositories}"] = await MeasureAsync(repositories, cancellationToken);
        }

        foreach (var ((step, site), sizes) in _bySize)
        {
            _table.AddRow("× 2", step, site, "", "", Factor(c => c.Seconds), Factor(c => c.Own), "", sizes[0].Peer == 0 ? "" : Factor(c => c.Peer), "");

            string Factor(Func<Comparison, double> of) => "× " + (of(sizes[1]) / of(sizes[0])).ToString("0.00", CultureInfo.InvariantCulture);
        }

        AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, 130);
        AnsiConsole.Write(_table);
        return figures;
    }

    private async Task<JsonObject> MeasureAsync(int repositories, CancellationToken cancellationToken)
    {
        await using var lab = await ReconcileLab.StartAsync(repositories, s_tags, options.Rate, cancellationToken);
        var figures = new JsonObject();
        var pages = (repositories / PageOfFingerprints) + 1;
        Add("first", "primary", [], await lab.AtPrimaryAsync(cancellationToken), 0);
        Add("first", "secondary", [], await lab.AtSecondaryAsync(cancellationToken), pages);

        var (primary, secondary, misapplied) = await DriftAsync(lab, repositories, cancellationToken);
        Add("drifted", "primary", primary, await lab.AtPrimaryAsync(cancellationToken), 0);
        // A deletion that the primary just told waits in quarantine: the tag is here and no longer there. What else it told is being copied.
        var extra = primary.Where(f => f.Kind == "gone").Select(f => ("extra", f.Repository, f.Tag)).ToList();
        // A page for what changed since, and one look at each mismatch.
        var most = 1 + (primary.Count / PageOfFingerprints) + misapplied.Count + extra.Count;
        Add("drifted", "secondary", [.. secondary, .. misapplied, .. extra], await lab.AtSecondaryAsync(cancellationToken), most);
        return figures;

        void Add(string step, string site, HashSet<(string, string, string)> drifted, Comparison c, int most)
        {
            var missed = drifted.Except(c.Found).ToList();
            var invented = c.Found.Except(drifted).ToList();
            if (missed.Count + invented.Count > 0)
            {
                throw new LabException($"{step} at the {site}: not found {string.Join(", ", missed)}; found and not drifted {string.Join(", ", invented)}");
            }

            if (c.Peer > most)
            {
                throw new LabException($"{step} at the {site}: {c.Peer} requests between the sites, pages and mismatches are {most}");
            }

            _table.AddRow(
                $"{repositories}", step, site, $"{drifted.Count}", $"{c.Found.Count}", c.Seconds.ToString("0.0", CultureInfo.InvariantCulture), $"{c.Own}", $"{c.OwnSaid}", $"{c.Peer}", $"{c.PeerSaid}");
            figures[$"{step}, {site}"] = new JsonObject
            {
                ["drifted"] = drifted.Count, ["found"] = c.Found.Count, ["seconds"] = Math.Round(c.Seconds, 2),
                ["own_requests"] = c.Own, ["own_requests_said"] = c.OwnSaid, ["peer_requests"] = c.Peer, ["peer_requests_said"] = c.PeerSaid,
            };
            if (!_bySize.TryGetValue((step, site), out var sizes))
            {
                _bySize[(step, site)] = sizes = [];
            }

            sizes.Add(c);
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"reconcile: {repositories}, {step}, {site}: {c.Seconds:0.0} s, {c.Own} own requests, {c.Peer} between the sites, {c.Found.Count} found"));
        }
    }

    /// <summary>Half in the primary's storage, half in the secondary's: a tag moved, one added, one removed, in turn; gives what is to be found.</summary>
    private async Task<(HashSet<(string Kind, string Repository, string Tag)> Primary, HashSet<(string, string, string)> Secondary, HashSet<(string, string, string)> Misapplied)> DriftAsync(
        ReconcileLab lab, int repositories, CancellationToken cancellationToken)
    {
        var drifted = Math.Max(2, (int)(repositories * options.Drift));
        var chosen = new Random(options.Seed).GetItems(Enumerable.Range(0, repositories).ToArray(), drifted * 4).Distinct().Take(drifted + Misapplied).Select(ReconcileLab.Name).ToList();
        var (primary, secondary, misapplied) = (new HashSet<(string Kind, string Repository, string Tag)>(), new HashSet<(string, string, string)>(), new HashSet<(string, string, string)>());
        for (var n = 0; n < drifted; n++)
        {
            var (registry, found) = n % 2 == 0 ? (lab.PrimaryRegistry, primary) : (lab.SecondaryRegistry, secondary);
            found.Add(Change(registry, chosen[n], n / 2 % 3));
        }

        foreach (var name in chosen.Skip(drifted))
        {
            await lab.MisapplyAsync(name, "v1", s_drifted, cancellationToken);
            misapplied.Add(("differs", name, "v1"));
        }

        return (primary, secondary, misapplied);
    }

    private static (string Kind, string Repository, string Tag) Change(LabRegistry registry, string repository, int how)
    {
        switch (how)
        {
            case 0:
                registry.Seed(repository, "v1", s_drifted);
                return ("changed", repository, "v1");
            case 1:
                registry.Seed(repository, "added", s_drifted);
                return ("missed", repository, "added");
            default:
                registry.Unseed(repository, "v2");
                return ("gone", repository, "v2");
        }
    }
}
