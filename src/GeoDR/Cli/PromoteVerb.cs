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
        var planned = new Option<bool>("--planned") { Description = "only hand over: refuse where the primary does not answer" };
        var unplanned = new Option<bool>("--unplanned") { Description = "do not hand over, although the primary answers: it is not asked to fence its clients" };
        var command = new Command("promote", "(secondary) make this site the primary: handed over where the primary answers, else at once; asks for the site's name, and goes on where it was interrupted") { dry, yes, planned, unplanned };
        command.Validators.Add(p =>
        {
            if (p.GetValue(planned) && p.GetValue(unplanned))
                p.AddError("--planned and --unplanned exclude each other.");
        });
        command.SetAction((p, cancel) => RunAsync(p.GetValue(dry), p.GetValue(yes), p.GetValue(planned) ? true : p.GetValue(unplanned) ? false : null, cancel));
        return command;
    }

    private static async Task<int> RunAsync(bool dry, bool yes, bool? planned, CancellationToken cancel)
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
            var start = new PromotionStart(settings, source, peers);
            if (await ConfirmedAsync(settings, source, start, planned, dry, yes, cancel) is not { } plan)
                return ExitCodes.Failed;
            if (dry)
                return ExitCodes.Success;
            await start.BeginAsync(plan, Shell.User, s_node, cancel);
            return await CarryOutAsync(settings, source, peers, runs, cancel);
        });
    }

    /// <summary>Says what would be done, and asks. Null when it is not to be done.</summary>
    private static async Task<PromotionPlan?> ConfirmedAsync(
        GeoSettings settings, NpgsqlDataSource source, PromotionStart start, bool? planned, bool dry, bool yes, CancellationToken cancel)
    {
        var plan = await start.PlanAsync(planned, cancel);
        await Console.Error.WriteLineAsync(plan.InWords);
        if (!plan.Planned)
        {
            await Console.Error.WriteLineAsync(LossInWords.Sentence(plan.Loss));
            foreach (var push in plan.Lost.Take(ShownLost))
                await Console.Error.WriteLineAsync($"  lost: {push.Repository} {push.Reference}, {Display.Age(push.AgeSeconds)} old");
            if (plan.Loss.Pushes > ShownLost)
                await Console.Error.WriteLineAsync($"  and {plan.Loss.Pushes - ShownLost} more: `geodr loss` lists them");
        }
        if (plan.Refusal is { } refusal)
        {
            await Console.Error.WriteLineAsync(refusal);
            return null;
        }
        await Console.Error.WriteLineAsync($"Steps: {string.Join(", ", plan.Steps)}.");
        if (!yes)
            await PreflightVerb.SayFailingAsync(settings, source, cancel);
        return dry || yes || await ConfirmAsync(plan.Site) ? plan : null;
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

    private static async Task<int> SayAsync(string words, int code)
    {
        await Console.Error.WriteLineAsync(words);
        return code;
    }
}
