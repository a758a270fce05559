using System.CommandLine;
using System.Globalization;
using GeoDR.Configuration;
using GeoDR.Dashboard;
using GeoDR.Failover;
using GeoDR.Hosting;
using GeoDR.Sites;
using GeoDR.Status;
using GeoDR.Tokens;
using Npgsql;

namespace GeoDR.Cli;

/// <summary>Makes this secondary the primary.</summary>
internal static class PromoteVerb
{
    private const int ShownLost = 20;

    private static readonly string s_node = $"cli {Environment.MachineName}/{Environment.ProcessId}";

    public static Command Command()
    {
        var dry = new Option<bool>("--dry-run") { Description = "say what would be done and what would be lost, and do nothing" };
        var yes = new Option<bool>("--yes") { Description = "do not ask" };
        var unplanned = new Option<bool>("--unplanned") { Description = "do not hand over, although the primary answers: it is not asked to fence its clients" };
        var command = new Command("promote", "(secondary) make this site the primary: handed over where the primary answers, else at once") { dry, yes, unplanned };
        command.SetAction((p, cancel) => RunAsync(p.GetValue(dry), p.GetValue(yes), p.GetValue(unplanned), cancel));
        return command;
    }

    private static async Task<int> RunAsync(bool dry, bool yes, bool unplanned, CancellationToken cancel)
    {
        if (VerbSettings.Read() is not { } initial)
            return ExitCodes.Settings;
        await using var source = SiteDatabase.Open(initial.Database);
        return await VerbSettings.GuardAsync(async () =>
        {
            var (sites, book, runs) = (new SiteStore(source), new SiteBook(source), new FailoverRuns(source));
            if (await sites.ReadAsync(cancel) is not { } site)
                return await SayAsync("This site was never started: start `geodr serve` once.", ExitCodes.Failed);
            await SettingsBook.WriteAsync(initial, book, cancel);
            var (settings, faults) = await Following.ApplyAsync(initial, site, book, cancel);
            if (!VerbSettings.Report(faults))
                return ExitCodes.Settings;
            if (settings.SiteKeyFile is null)
                return VerbSettings.Report([new("Geo:Site:KeyFile", "is missing; a promotion is signed with the site's key, make one with `geodr key new`")]) ? 0 : ExitCodes.Settings;
            using var client = SiteClient.Of(settings, TimeProvider.System)!;
            using var sender = new HeartbeatSender(settings, new StatusReader(source, TimeProvider.System), TimeProvider.System);
            var peers = new FailoverPeers(settings, book, new TermStore(source, book), new PeerInventory(sender), client);
            if (!dry && await runs.ListAsync(1, cancel) is [{ Status: "running", Kind: Promotion.Kind } left, ..])
            {
                await Console.Error.WriteLineAsync($"The promotion that {left.AskedBy} asked for at {Display.Utc(left.AskedAt)} goes on with the step {left.Step}.");
                return await CarryOutAsync(settings, source, peers, runs, cancel);
            }
            if (site.IsPrimary)
                return await SayAsync($"{site.Name} is the primary already, in epoch {site.Epoch}; nothing was done.", ExitCodes.Success);
            if (!settings.Failover.MayPromote)
                return await SayAsync("This site has no right to promote: Geo:Failover:MayPromote is false.", ExitCodes.Failed);
            return await BeginAsync(settings, site, source, peers, runs, dry, yes, unplanned, cancel);
        });
    }

    private static async Task<int> BeginAsync(
        GeoSettings settings, Site site, NpgsqlDataSource source, FailoverPeers peers, FailoverRuns runs, bool dry, bool yes, bool unplanned, CancellationToken cancel)
    {
        var from = site.Follows ?? settings.PrimaryPeer?.Name;
        var answer = from is null ? null : await peers.AskAsync(from, cancel);
        var planned = !unplanned && answer is { Role: Site.Primary };
        var (loss, lost) = await LossAsync(source, cancel);
        await Console.Error.WriteLineAsync(planned
            ? $"{from} answers: it hands over to {site.Name}, and nothing is lost. Its clients cannot push until that is done."
            : $"{(answer is null ? $"{from ?? "The primary"} does not answer" : $"{from} answers, and is not asked")}: {site.Name} becomes the primary with what it holds.");
        if (!planned)
        {
            await Console.Error.WriteLineAsync(LossInWords.Sentence(loss));
            foreach (var push in lost.Take(ShownLost))
                await Console.Error.WriteLineAsync($"  lost: {push.Repository} {push.Reference}, {Display.Age(push.AgeSeconds)} old");
            if (loss.Pushes > ShownLost)
                await Console.Error.WriteLineAsync($"  and {loss.Pushes - ShownLost} more: `geodr loss` lists them");
        }
        if (site.Comparing is not null)
            return await SayAsync("This site still compares what it holds with the primary that it began to follow: wait until `geodr status` says that it is done.", ExitCodes.Failed);
        await Console.Error.WriteLineAsync($"Steps: {string.Join(", ", Promotion.Steps(planned))}.");
        if (!yes)
            await PreflightVerb.SayFailingAsync(settings, source, cancel);
        if (dry)
            return ExitCodes.Success;
        if (!yes && !await ConfirmAsync(site.Name))
            return ExitCodes.Failed;
        var report = new Report(site.Name, from, planned, Environment.UserName, loss, lost, []);
        if (await runs.BeginAsync(Guid.NewGuid(), Promotion.Kind, planned, Promotion.FirstStep(planned), report.ToJson(), Environment.UserName, s_node, Promotion.Lease, cancel) is null)
            return await SayAsync("Another promotion has just begun here; run this again to see it through.", ExitCodes.Failed);
        return await CarryOutAsync(settings, source, peers, runs, cancel);
    }

    private static async Task<int> CarryOutAsync(GeoSettings settings, NpgsqlDataSource source, FailoverPeers peers, FailoverRuns runs, CancellationToken cancel)
    {
        using var promotion = new Promotion(settings, source, peers, step => Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {step.Name,-9} {step.Seconds,6:0.0} s  {step.Outcome}")), TimeProvider.System);
        // A node that lives goes on with it; it is watched until it ends.
        while (true)
        {
            var ended = await runs.TakeAsync(s_node, Promotion.Lease, cancel) is { } run ? await promotion.RunAsync(run, s_node, cancel) : null;
            var last = (await runs.ListAsync(1, cancel))[0];
            if ((ended ?? last.Status) is not "running" and var outcome)
                return await SayAsync(outcome switch
                {
                    "done" => $"{settings.SiteName} is the primary now. The report: `geodr reports`.",
                    "undone" => "The promotion was undone: nothing has changed.",
                    _ => "The promotion could not be finished; the last line says why. Run `geodr promote` again.",
                }, outcome == "done" ? ExitCodes.Success : ExitCodes.Failed);
            await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System, cancel);
        }
    }

    /// <summary>The site's name, typed: a promotion is not done by a slip of the hand.</summary>
    public static async Task<bool> ConfirmAsync(string name)
    {
        await Console.Error.WriteAsync($"Type the site's name ({name}) to go on: ");
        if (await Console.In.ReadLineAsync() is { } typed && typed.Trim() == name)
            return true;
        await Console.Error.WriteLineAsync("Nothing was done.");
        return false;
    }

    private static async Task<(LossSummary, IReadOnlyList<LostPush>)> LossAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        var reader = new LossReader(source);
        return (await reader.SummaryAsync(cancel), (await reader.PageAsync(null, Report.MostLost, cancel))!.Items);
    }

    private static async Task<int> SayAsync(string words, int code)
    {
        await Console.Error.WriteLineAsync(words);
        return code;
    }
}
