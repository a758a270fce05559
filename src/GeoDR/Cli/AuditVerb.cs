using System.CommandLine;
using GeoDR.Audit;

namespace GeoDR.Cli;

/// <summary>Who did what, when and from where, and what was refused.</summary>
internal static class AuditVerb
{
    public static Command Command()
    {
        var json = new Option<bool>("--json") { Description = "nothing but JSON on stdout" };
        var repository = new Option<string?>("--repository") { Description = "one repository's" };
        var who = new Option<string?>("--who") { Description = "one user's, one token's (`token NAME`), or geodr's" };
        var refused = new Option<bool>("--refused") { Description = "only what was refused, counted by the minute" };
        var limit = new Option<int>("--limit") { Description = "so many, the newest first", DefaultValueFactory = _ => 100 };
        var command = new Command("audit", "who did what, when and from where, the newest first, and what was refused") { json, repository, who, refused, limit };
        command.SetAction((p, cancel) =>
        {
            var most = p.GetValue(limit);
            if (most < 1)
            {
                Console.Error.WriteLine("--limit is 1 at least.");
                return Task.FromResult(ExitCodes.Usage);
            }
            return VerbSettings.WithDatabaseAsync(async source =>
            {
                var entries = await new AuditLog(source).ListAsync(new(p.GetValue(repository), p.GetValue(who), p.GetValue(refused) ? true : null), null, most, cancel);
                Listing.Write(p.GetValue(json), entries, ["at", "who", "from", "what", "repository", "reference", "digest", "event", "detail"], e =>
                    [$"{e.At:u}", e.Who, e.Address ?? "", e.Refused is > 1 and var times ? $"{e.What}, {times} times" : e.What, e.Repository ?? "", e.Reference ?? "", e.Digest ?? "", $"{e.EventId}", e.Detail ?? ""]);
                return ExitCodes.Success;
            });
        });
        return command;
    }
}
