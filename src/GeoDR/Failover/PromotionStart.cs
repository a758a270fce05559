using GeoDR.Configuration;
using GeoDR.Dashboard;
using GeoDR.Sites;
using GeoDR.Status;
using Npgsql;

namespace GeoDR.Failover;

/// <summary>What a promotion of this site would do now.</summary>
/// <param name="From">The primary that it would replace; null where none is known.</param>
/// <param name="Answers">That primary answers.</param>
/// <param name="Planned">It hands over, and nothing is lost.</param>
/// <param name="Lost">The first of them; the report of a promotion has more, and `geodr loss` has all.</param>
/// <param name="Refusal">Why this site cannot be promoted now, and the mend; null when it can.</param>
internal sealed record PromotionPlan(
    string Site, string? From, bool Answers, bool Planned, LossSummary Loss, IReadOnlyList<LostPush> Lost, IReadOnlyList<string> Steps, string? Refusal)
{
    /// <summary>In a sentence, for whoever is to confirm it.</summary>
    public string InWords => Planned
        ? $"{From} answers: it hands over to {Site}, and nothing is lost. Its registry is compared first, while clients push; from the fence on they cannot, until that is done."
        : $"{(Answers ? $"{From} answers, and is not asked" : $"{From ?? "The primary"} does not answer")}: {Site} becomes the primary with what it holds.";

    /// <summary>Whether who saw another plan has seen what this one costs.</summary>
    public bool CostsAs(PromotionPlan shown) => Refusal == shown.Refusal && Planned == shown.Planned && From == shown.From && (Planned || Loss.Pushes <= shown.Loss.Pushes);
}

/// <summary>The one place where a promotion begins: what it would do, and its run, which a node of this site or the command line carries out.</summary>
/// <param name="settings">With the primary that the site follows now.</param>
/// <param name="peers">Null for a site without a key.</param>
internal sealed class PromotionStart(GeoSettings settings, NpgsqlDataSource source, FailoverPeers? peers)
{
    // Enough for whoever reads it before saying yes.
    private const int Shown = 1000;

    private readonly SiteStore _sites = new(source);
    private readonly FailoverRuns _runs = new(source);
    private readonly LossReader _loss = new(source);

    /// <param name="planned">True: only handed over; false: without asking a primary that answers; null: handed over where it answers.</param>
    public async Task<PromotionPlan> PlanAsync(bool? planned, CancellationToken cancel)
    {
        var site = await _sites.ReadAsync(cancel) ?? throw new RoleChangedException("This site was never started: start `geodr serve` once.");
        var from = site.IsPrimary ? null : site.Follows ?? settings.PrimaryPeer?.Name;
        var answer = from is null || peers is null ? null : await peers.AskAsync(from, cancel);
        var handedOver = planned != false && answer is { Role: Site.Primary };
        return new(
            site.Name, from, answer is not null, handedOver, await _loss.SummaryAsync(cancel), (await _loss.PageAsync(null, Shown, cancel))!.Items,
            PromotionSteps.Of(handedOver), Refusal(site) ?? (planned == true && !handedOver ? NobodyHandsOver(from, answer is not null) : null));
    }

    /// <summary>Records what was confirmed.</summary>
    /// <param name="node">Who carries it out; null to have any node of this site take it up.</param>
    /// <exception cref="RoleChangedException">It cannot be begun, or another runs.</exception>
    public async Task<FailoverRun> BeginAsync(PromotionPlan plan, string by, string? node, CancellationToken cancel)
    {
        if (plan.Refusal is { } refusal)
            throw new RoleChangedException(refusal);
        var report = new Report(plan.Site, plan.From, plan.Planned, by, plan.Loss, (await _loss.PageAsync(null, Report.MostLost, cancel))!.Items, []);
        return await _runs.BeginAsync(
                Guid.NewGuid(), Promotion.Kind, plan.Planned, PromotionSteps.Of(plan.Planned)[0], report.ToJson(), by, node, node is null ? TimeSpan.Zero : Promotion.Lease, cancel)
            ?? throw new RoleChangedException("A promotion runs here already; the reports show how far it is.");
    }

    /// <summary>What an unplanned promotion loses, as it was stated.</summary>
    public static string LostInWords(LossSummary loss) =>
        $"{Display.Number(loss.Pushes, "push", "pushes")} that {(loss.Pushes == 1 ? "was" : "were")} known"
        + (loss.WindowSeconds is { } window ? $", and what was pushed in the {Display.Age(window)} before" : "");

    private static string NobodyHandsOver(string? from, bool answers) =>
        $"{from ?? "The primary"} {(answers ? "answers, and is not a primary" : "does not answer")}: nobody can hand over. See to it, or promote without asking for a planned promotion.";

    private string? Refusal(Site site) =>
        site.IsPrimary ? $"{site.Name} is a primary already, in epoch {site.Epoch}."
        : !settings.Failover.MayPromote ? "This site has no right to promote: Geo:Failover:MayPromote is false."
        : site.Comparing is not null ? "This site still compares what it holds with the primary that it began to follow: wait until `geodr status` says that it is done."
        : peers is null ? "This site has no key to sign its term with: set Geo:Site:KeyFile, `geodr key new` makes one."
        : null;
}
