using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using GeoDR.Configuration;
using GeoDR.Dashboard;
using GeoDR.Dashboard.Overview;
using GeoDR.Failover;
using GeoDR.Hosting;
using GeoDR.Sites;
using GeoDR.Status;
using GeoDR.Tokens;
using Npgsql;

namespace GeoDR.Cli;

/// <summary>Terms, sites, fences, the way back, and the reports of all that.</summary>
internal static class FailoverVerbs
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static IEnumerable<Command> Commands() => [Demote(), Term(), Sites(), Fence("fence", true), Fence("unfence", false), Reports()];

    private static Option<bool> Json() => new("--json") { Description = "nothing but JSON on stdout" };

    private static Command Demote()
    {
        var dry = new Option<bool>("--dry-run") { Description = "say what would be done, and do nothing" };
        var yes = new Option<bool>("--yes") { Description = "do not ask" };
        var command = new Command("demote", "(a primary that was replaced) become a secondary of the site that was promoted; what only this site has is kept and offered") { dry, yes };
        command.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(source => DemoteAsync(source, p.GetValue(dry), p.GetValue(yes), cancel)));
        return command;
    }

    private static async Task<int> DemoteAsync(NpgsqlDataSource source, bool dry, bool yes, CancellationToken cancel)
    {
        if (VerbSettings.Read() is not { } settings)
            return ExitCodes.Settings;
        await SettingsBook.WriteAsync(settings, new(source), cancel);
        var start = new DemotionStart(settings, source);
        var plan = await start.PlanAsync(cancel);
        if (plan.Refusal is { } refusal)
            return await SayAsync(refusal, plan.IsDone ? ExitCodes.Success : ExitCodes.Failed);
        await Console.Error.WriteLineAsync(plan.InWords);
        if (dry || !yes && !await PromoteVerb.ConfirmAsync(plan.Site))
            return dry ? ExitCodes.Success : ExitCodes.Failed;
        await start.DemoteAsync(plan, Shell.User, cancel);
        return await SayAsync($"{plan.Site} is a secondary of {plan.To} now; `geodr status` shows the comparison.", ExitCodes.Success);
    }

    private static Command Term()
    {
        var json = Json();
        var list = new Command("list", "every term that this site has heard of") { json };
        list.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(async source =>
        {
            Listing.Write(p.GetValue(json), await new TermStore(source, new SiteBook(source)).ListAsync(cancel), ["epoch", "site", "promotion", "known since", "rejected"], t =>
                [t.Epoch.ToString(CultureInfo.InvariantCulture), t.Site, t.Promotion.ToString(), Display.Utc(t.KnownAt), t.Rejected ?? ""]);
            return ExitCodes.Success;
        }));
        var (name, yes) = (new Argument<string>("site") { Description = "the site that stays the primary" }, new Option<bool>("--yes") { Description = "do not ask" });
        var choose = new Command("choose", "end a conflict of two promotions: run it at both sites, with the name of the one that stays") { name, yes };
        choose.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(source => ChooseAsync(source, p.GetValue(name)!, p.GetValue(yes), cancel)));
        return new Command("term", "who may write the log") { list, choose };
    }

    private static async Task<int> ChooseAsync(NpgsqlDataSource source, string chosen, bool yes, CancellationToken cancel)
    {
        if (VerbSettings.Read() is not { } settings)
            return ExitCodes.Settings;
        var choice = new TermChoice(settings, source);
        var plan = await choice.PlanAsync(chosen, cancel);
        if (plan.Refusal is { } refusal)
            return await SayAsync(refusal, plan.IsDone ? ExitCodes.Success : ExitCodes.Failed);
        await Console.Error.WriteLineAsync(plan.InWords);
        return yes || await PromoteVerb.ConfirmAsync(plan.Site)
            ? await SayAsync(await choice.ChooseAsync(plan, Shell.User, cancel), ExitCodes.Success) : ExitCodes.Failed;
    }

    private static Command Sites()
    {
        var json = Json();
        var list = new Command("list", "the sites that this one knows: role, health, lag, how much is synced, the oldest push that is not there; the freshest secondary is named") { json };
        list.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(async source =>
        {
            var (book, time) = (new SiteBook(source), TimeProvider.System);
            var rows = await new SiteRows(book, new(source, book), new(source), time).ReadAsync(await new StatusReader(source, time).ReadAsync(cancel), cancel);
            Listing.Write(p.GetValue(json), rows, ["site", "role", "health", "lag", "synced", "oldest push not there", "may promote", "last heard", "remarks"], s =>
                [s.IsFreshest ? $"{s.Name} (freshest)" : s.Name, s.Role, s.Health, s.LagEvents is { } lag ? Display.Number(lag, "event", "events") : "–",
                    s.SyncedPercent is { } percent ? string.Create(CultureInfo.InvariantCulture, $"{percent:0.#} %") : "–", s.Figures?.OldestUnsyncedSeconds is { } age ? Display.Age(age) : "–",
                    s.MayPromote ? "yes" : "no", s.LastHeardAt is { } at ? Display.Relative(at, time.GetUtcNow()) : s.IsThis ? "this site" : "never", string.Join("; ", SiteWords.Why(s))]);
            return ExitCodes.Success;
        }));
        var name = new Argument<string>("site");
        var revoke = new Command("revoke", "from now on this site takes no call and no term of it, and grants it no token") { name };
        revoke.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(async source =>
            await new Revocation(source).RevokeAsync(p.GetValue(name)!, Shell.User, cancel)
                ? await SayAsync($"{p.GetValue(name)} is revoked here. Revoke it at the other sites too.", ExitCodes.Success)
                : await SayAsync($"The site {p.GetValue(name)} is not known here; `geodr site list` names them.", ExitCodes.Failed)));
        var (gone, yes) = (new Argument<string>("site"), new Option<bool>("--yes") { Description = "do not ask" });
        var remove = new Command("remove", "forget a site that takes part no more: its calls are refused, no event is kept for it, and secondaries forget it with their next heartbeat; asks for its name") { gone, yes };
        remove.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(source => RemoveAsync(new(source), p.GetValue(gone)!, p.GetValue(yes), cancel)));
        return new Command("site", "the other sites") { list, revoke, remove, InvitationVerbs.Invite(), InvitationVerbs.Join() };
    }

    private static async Task<int> RemoveAsync(SiteRemoval removal, string name, bool yes, CancellationToken cancel)
    {
        var plan = await removal.PlanAsync(name, cancel);
        if (plan.Refusal is { } refusal)
            return await SayAsync(refusal, ExitCodes.Failed);
        await Console.Error.WriteLineAsync($"Last heard: {(plan.LastHeardAt is { } at ? Display.Utc(at) : "never")}.\n{string.Join('\n', plan.InWords)}");
        if (!yes && !await PromoteVerb.ConfirmAsync(name))
            return ExitCodes.Failed;
        await removal.RemoveAsync(plan, Shell.User, cancel);
        return await SayAsync($"{name} is removed here.", ExitCodes.Success);
    }

    private static Command Fence(string name, bool fence)
    {
        var command = new Command(name, fence ? "(primary) keep clients from writing, by Geo:Failover:FenceCommand" : "(primary) let clients write again; ends a handover that was left");
        command.SetAction((_, cancel) => VerbSettings.WithDatabaseAsync(async source =>
        {
            if (VerbSettings.Read() is not { } settings)
                return ExitCodes.Settings;
            return await SayAsync(await new ClientFence(settings, source).SetAsync(fence, Shell.User, cancel), ExitCodes.Success);
        }));
        return command;
    }

    private static Command Reports()
    {
        var json = Json();
        var command = new Command("reports", "promotions: steps, times, what was lost") { json };
        command.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(async source =>
        {
            var runs = (await new FailoverRuns(source).ListAsync(20, cancel)).Select(r => new { r.Id, r.Kind, r.Planned, r.Status, r.AskedBy, r.AskedAt, r.EndedAt, Report = Report.Parse(r.Report) }).ToList();
            if (p.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(runs, s_json));
                return ExitCodes.Success;
            }
            foreach (var run in runs)
            {
                Console.WriteLine($"{(run.Planned ? "Planned" : "Unplanned")} promotion of {run.Report.Site}, {run.Status}, asked for by {run.AskedBy} at {Display.Utc(run.AskedAt)}");
                foreach (var step in run.Report.Steps)
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {step.Name,-9} {step.Seconds,6:0.0} s  {step.Outcome}"));
                if (!run.Planned && run.Report.Loss is { } loss)
                    Console.WriteLine($"  lost      {PromotionStart.LostInWords(loss)}");
            }
            return ExitCodes.Success;
        }));
        return command;
    }

    private static async Task<int> SayAsync(string words, int code)
    {
        await Console.Error.WriteLineAsync(words);
        return code;
    }
}
