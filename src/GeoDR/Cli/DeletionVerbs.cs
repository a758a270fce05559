using System.CommandLine;
using GeoDR.Deletion;

namespace GeoDR.Cli;

/// <summary>The deletions in quarantine: what they wait for, and an operator's word on them.</summary>
internal static class DeletionVerbs
{
    private const int Most = 100_000;

    public static Command Command()
    {
        var json = new Option<bool>("--json") { Description = "nothing but JSON on stdout" };
        var state = new Option<string?>("--state") { Description = string.Join(", ", DeletionStates.All) };
        var of = new Option<string?>("--repository") { Description = "one repository's" };
        var list = new Command("list", "what was deleted at the primary and is still here, and why") { json, state, of };
        list.SetAction((p, cancel) => ListAsync(p.GetValue(state), p.GetValue(of), p.GetValue(json), cancel));
        return new Command("deletions", "(secondary) deletions at the primary that are not applied here yet")
        {
            list,
            Say("keep", "what the primary deletes stays here", (deletions, pick, cancel) => deletions.KeepAsync(pick, Shell.User, cancel), "kept"),
            Say("release", "end the quarantine or the hold; the look at the primary is not skipped",
                (deletions, pick, cancel) => deletions.ReleaseAsync(pick, Shell.User, cancel), "released"),
        };
    }

    private static Command Say(string name, string description, Func<Deletions, DeletionPick, CancellationToken, Task<long>> say, string done)
    {
        var repository = new Option<string?>("--repository") { Description = "all of one repository" };
        var tag = new Option<string?>("--tag") { Description = "one tag of it, or one digest" };
        var all = new Option<bool>("--all") { Description = "all there are" };
        var command = new Command(name, description) { repository, tag, all };
        command.SetAction((p, cancel) =>
        {
            var pick = new DeletionPick(null, p.GetValue(repository), p.GetValue(tag), p.GetValue(all));
            if (pick.All != (pick.Repository is null) || pick is { Tag: not null, Repository: null })
            {
                Console.Error.WriteLine("Say which: --repository NAME, with --tag TAG for one of it, or --all.");
                return Task.FromResult(ExitCodes.Usage);
            }
            return VerbSettings.WithDatabaseAsync(async source =>
            {
                var count = await say(new Deletions(source), pick, cancel);
                await Console.Error.WriteLineAsync(count == 0 ? "There is none of these; `geodr deletions list` shows what there is."
                    : $"{count} deletion{(count == 1 ? " is" : "s are")} {done}.");
                return count == 0 ? ExitCodes.Failed : ExitCodes.Success;
            });
        });
        return command;
    }

    private static Task<int> ListAsync(string? state, string? repository, bool json, CancellationToken cancel)
    {
        if (state is not null && !DeletionStates.All.Contains(state))
        {
            Console.Error.WriteLine($"'{state}' is no state; write {string.Join(", ", DeletionStates.All)}.");
            return Task.FromResult(ExitCodes.Usage);
        }
        return VerbSettings.WithDatabaseAsync(async source =>
        {
            var rows = await new Deletions(source).ListAsync(state, repository, 0, Most, cancel);
            Listing.Write(json, rows, ["id", "repository", "reference", "state", "recorded", "until", "why"], r =>
            [
                $"{r.Id}", r.Repository, r.Reference, r.Hold is null ? r.State : $"{r.State} ({r.Hold})", $"{r.RecordedAt:u}", r.Until is { } end ? $"{end:u}" : "",
                r.Reason ?? (r.ReleasedBy is { } who ? $"released by {who}" : r.EventId is null ? "no event; a listing lacked it" : ""),
            ]);
            return ExitCodes.Success;
        });
    }
}
