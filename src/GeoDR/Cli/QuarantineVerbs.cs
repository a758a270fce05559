using System.CommandLine;
using System.Globalization;
using GeoDR.Dashboard;
using GeoDR.Notifications;

namespace GeoDR.Cli;

/// <summary>Notifications that could not be understood.</summary>
internal static class QuarantineVerbs
{
    private const int PageSize = 500;

    public static Command Command()
    {
        var json = new Option<bool>("--json") { Description = "nothing but JSON on stdout" };
        var list = new Command("list", "what was kept, the oldest first") { json };
        list.SetAction((p, cancel) => ListAsync(p.GetValue(json), cancel));
        var shown = new Argument<long>("id");
        var show = new Command("show", "the body of one on stdout, byte for byte where that is a file or a pipe") { shown };
        show.SetAction((p, cancel) => ShowAsync(p.GetValue(shown), cancel));
        var id = new Argument<long?>("id") { Arity = ArgumentArity.ZeroOrOne };
        var all = new Option<bool>("--all") { Description = "every one that was kept whole" };
        var replay = new Command("replay", "(primary) read it again with this version; what is understood goes into the log, an event once, and what a later event has overtaken is left out; exits 1 when something stays") { id, all };
        replay.SetAction((p, cancel) => ReplayAsync(p.GetValue(id), p.GetValue(all), cancel));
        var (dropped, whole) = (new Argument<long?>("id") { Arity = ArgumentArity.ZeroOrOne }, new Option<bool>("--all") { Description = "every one there is" });
        var drop = new Command("drop", "throw it out unread, with a line in the audit log; `geodr reconcile` finds what it may have told") { dropped, whole };
        drop.SetAction((p, cancel) => DropAsync(p.GetValue(dropped), p.GetValue(whole), cancel));
        return new Command("quarantine", "notifications that could not be understood") { list, show, replay, drop };
    }

    private static Task<int> ListAsync(bool json, CancellationToken cancel) => VerbSettings.WithDatabaseAsync(async source =>
    {
        var rows = await AllAsync(new(source), cancel);
        Listing.Write(json, rows, ["id", "received", "last", "times", "format", "sender", "size", "problems"], r =>
        [
            r.Id.ToString(CultureInfo.InvariantCulture), Display.Utc(r.ReceivedAt), Display.Utc(r.LastAt), Display.Number(r.Times), r.Format, r.Sender ?? "",
            r.Truncated ? "cut off" : Display.Bytes(r.Bytes), string.Join("; ", r.Problems),
        ]);
        return ExitCodes.Success;
    });

    private static Task<int> ShowAsync(long id, CancellationToken cancel) => VerbSettings.WithDatabaseAsync(async source =>
    {
        if (await new QuarantineStore(source).FindAsync(id, cancel) is not var (row, body))
            return await NoneAsync(id);
        await Console.Error.WriteLineAsync($"{row.Format}{(row.Sender is { } sender ? $" from {sender}" : "")}, {Display.Utc(row.ReceivedAt)}:");
        foreach (var problem in row.Problems)
            await Console.Error.WriteLineAsync(problem);
        if (!Console.IsOutputRedirected)
        {
            // A stranger wrote it: it must not steer this terminal.
            Console.WriteLine(BodyText.Of(body) is { } text ? BodyText.ForTerminal(text)
                : $"{Display.Bytes(body.Length)} that are not UTF-8: write them into a file, `geodr quarantine show {id} > FILE`.");
            return ExitCodes.Success;
        }
        await using var stdout = Console.OpenStandardOutput();
        await stdout.WriteAsync(body, cancel);
        return ExitCodes.Success;
    });

    private static Task<int> ReplayAsync(long? id, bool all, CancellationToken cancel)
    {
        if (id is null != all)
        {
            Console.Error.WriteLine("Say which: an id, or --all.");
            return Task.FromResult(ExitCodes.Usage);
        }
        return VerbSettings.WithDatabaseAsync(async source =>
        {
            var quarantine = new QuarantineStore(source);
            var left = 0;
            foreach (var one in id is { } only ? [only] : (await AllAsync(quarantine, cancel)).Select(r => r.Id))
            {
                var replay = await quarantine.ReplayAsync(one, Shell.User, cancel);
                await Console.Error.WriteLineAsync(InWords(one, replay));
                left += replay.Outcome == ReplayOutcome.Understood ? 0 : 1;
            }
            return left == 0 ? ExitCodes.Success : ExitCodes.Failed;
        });
    }

    private static Task<int> DropAsync(long? id, bool all, CancellationToken cancel)
    {
        if (id is null != all)
        {
            Console.Error.WriteLine("Say which: an id, or --all.");
            return Task.FromResult(ExitCodes.Usage);
        }
        return VerbSettings.WithDatabaseAsync(async source =>
        {
            var quarantine = new QuarantineStore(source);
            var (gone, last) = (0, 0L);
            foreach (var one in id is { } only ? [only] : (await AllAsync(quarantine, cancel)).Select(r => r.Id))
                (gone, last) = (gone + (await quarantine.DropAsync(one, Shell.User, cancel) ? 1 : 0), one);
            if (gone == 0 && id is not null)
                return await NoneAsync(last);
            await Console.Error.WriteLineAsync($"{Display.Number(gone, "notification is", "notifications are")} dropped.");
            return ExitCodes.Success;
        });
    }

    private static string InWords(long id, Replay replay) => replay.Outcome switch
    {
        ReplayOutcome.Unknown => $"There is no notification {id} in quarantine; `geodr quarantine list` names them.",
        ReplayOutcome.Truncated => $"{id}: cannot be replayed: it was too long, and only its head was kept. `geodr reconcile` finds what it may have told; then `geodr quarantine drop {id}`.",
        ReplayOutcome.NotPrimary => $"{id}: cannot be replayed here: only a primary writes a log.",
        ReplayOutcome.Understood => $"{id}: understood and removed: {Counts(replay)}.",
        _ => $"{id}: stays: {Counts(replay)}; not understood: {string.Join("; ", replay.Problems)}",
    };

    private static string Counts(Replay replay) =>
        $"{Display.Number(replay.Appended, "event", "events")} appended, {replay.Known} known before, {replay.Overtaken} overtaken by later ones, {replay.Ignored} of no use";

    private static async Task<int> NoneAsync(long id)
    {
        await Console.Error.WriteLineAsync($"There is no notification {id} in quarantine; `geodr quarantine list` names them.");
        return ExitCodes.Failed;
    }

    private static async Task<List<QuarantinedNotification>> AllAsync(QuarantineStore quarantine, CancellationToken cancel)
    {
        var all = new List<QuarantinedNotification>();
        while (await quarantine.ListAsync(all.Count == 0 ? 0 : all[^1].Id, PageSize, cancel) is { Count: > 0 } page)
            all.AddRange(page);
        return all;
    }
}
