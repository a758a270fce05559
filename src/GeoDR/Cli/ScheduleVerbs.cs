using System.CommandLine;
using GeoDR.Dashboard;
using GeoDR.Schedules;

namespace GeoDR.Cli;

/// <summary>What is done again and again: when last, when next, with what outcome; and a run now.</summary>
internal static class ScheduleVerbs
{
    public static Command Command()
    {
        var json = new Option<bool>("--json") { Description = "nothing but JSON on stdout" };
        var list = new Command("list", "each schedule with its last and next run, how long it took and what it came to") { json };
        list.SetAction((p, cancel) => ListAsync(p.GetValue(json), cancel));
        var name = new Argument<string>("name") { Description = "as `geodr schedules list` names it" };
        var run = new Command("run", "have one of this site's nodes run it now") { name };
        run.SetAction((p, cancel) => WantAsync(p.GetValue(name)!, cancel));
        return new Command("schedules", "what is done again and again") { list, run };
    }

    private static Task<int> ListAsync(bool json, CancellationToken cancel) => VerbSettings.WithDatabaseAsync(async source =>
    {
        var now = TimeProvider.System.GetUtcNow();
        Listing.Write(json, await new ScheduleList(source).ListAsync(cancel), ["name", "every", "last", "took", "status", "outcome", "next", "node"], s =>
        [
            s.Name, ScheduleWords.Every(s), s.Last is { } last ? Display.Utc(last.StartedAt) : "never", ScheduleWords.Took(s.Last, now),
            s.Last?.Status ?? "", ScheduleWords.Outcome(s.Last), ScheduleWords.Next(s, now), s.Last is { } run ? string.Join(", then ", run.Nodes) : "",
        ]);
        return ExitCodes.Success;
    });

    private static Task<int> WantAsync(string name, CancellationToken cancel) => VerbSettings.WithDatabaseAsync(async source =>
    {
        var list = new ScheduleList(source);
        if (await list.WantAsync(name, Shell.User, cancel))
        {
            await Console.Error.WriteLineAsync($"A node of this site runs {name} as soon as it is free; `geodr schedules list` shows what it comes to.");
            return ExitCodes.Success;
        }
        var known = (await list.ListAsync(cancel)).Select(s => s.Name).ToList();
        await Console.Error.WriteLineAsync(known.Count == 0 ? "This site has no schedules yet: start `geodr serve`." : $"There is no schedule {name}; there are {string.Join(", ", known)}.");
        return ExitCodes.Failed;
    });
}
