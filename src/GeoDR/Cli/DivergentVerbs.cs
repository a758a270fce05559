using System.CommandLine;
using GeoDR.Dashboard;
using GeoDR.Failover;
using GeoDR.Sites;

namespace GeoDR.Cli;

/// <summary>Tags whose content only one site has: seen, and decided about.</summary>
internal static class DivergentVerbs
{
    public static Command Command()
    {
        var (json, all) = (new Option<bool>("--json") { Description = "nothing but JSON on stdout" }, new Option<bool>("--all") { Description = "also what is decided and done" });
        var list = new Command("list", "what only one site has, beside what the primary has") { json, all };
        list.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(async source =>
        {
            var tags = await new DivergentTags(source).ListAsync(!p.GetValue(all), ("", "", ""), 10_000, cancel);
            Listing.Write(p.GetValue(json), tags, ["site", "repository", "tag", "only there", "at the primary", "found", "decision", ""], t =>
            [
                t.Site, t.Repository, t.Tag, Short(t.Digest), t.Other is { } other ? Short(other) : "none", Display.Utc(t.FoundAt),
                t.Decision is null ? "open" : $"{t.Decision} by {t.DecidedBy}", t.Problem ?? (t.DoneAt is null ? "" : "done"),
            ]);
            return ExitCodes.Success;
        }));
        return new Command("divergent", "tags that only one site has: at the primary, where they are decided about, and at the site itself")
        {
            list,
            Decide("take", "(primary) the site's content becomes the primary's, under the same tag"),
            Decide("aside", "(primary) the primary keeps the site's content under another name beside its own"),
            Decide("drop", "(primary) the site may overwrite or delete it"),
        };
    }

    private static string Short(string digest) => digest.Length > 19 ? digest[..19] : digest;

    private static Command Decide(string decision, string description)
    {
        var repository = new Option<string?>("--repository") { Description = "of this repository" };
        var tag = new Option<string?>("--tag") { Description = "this tag" };
        var site = new Option<string?>("--site") { Description = "of this site" };
        var all = new Option<bool>("--all") { Description = "everything that is open" };
        var command = new Command(decision, description) { repository, tag, site, all };
        command.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(async source =>
        {
            var (r, t, s) = (p.GetValue(repository), p.GetValue(tag), p.GetValue(site));
            if ((r ?? t ?? s) is null && !p.GetValue(all))
            {
                await Console.Error.WriteLineAsync("Say which: --repository, --tag, --site, or --all.");
                return ExitCodes.Usage;
            }
            if (await new SiteStore(source).ReadAsync(cancel) is not { IsPrimary: true })
            {
                await Console.Error.WriteLineAsync("What only one site has is decided about at the primary; run this there.");
                return ExitCodes.Failed;
            }
            var decided = await new DivergentTags(source).DecideAsync(s, r, t, decision, Shell.User, cancel);
            await Console.Error.WriteLineAsync(decided > 0 ? $"{Display.Number(decided, "tag is", "tags are")} decided: {decision}. `geodr divergent list --all` shows when it is done." : "Nothing that is open matches; `geodr divergent list` names it.");
            return decided > 0 ? ExitCodes.Success : ExitCodes.Failed;
        }));
        return command;
    }
}
