using System.CommandLine;
using GeoDR.Audit;

namespace GeoDR.Cli;

/// <summary>What was deleted, kept and released, when, and by whom.</summary>
internal static class AuditVerb
{
    public static Command Command()
    {
        var json = new Option<bool>("--json") { Description = "nothing but JSON on stdout" };
        var repository = new Option<string?>("--repository") { Description = "one repository's" };
        var limit = new Option<int>("--limit") { Description = "so many, the newest first", DefaultValueFactory = _ => 100 };
        var command = new Command("audit", "who did what, the newest first: deletions, releases, promotions, decisions, what was dropped, replayed, retried") { json, repository, limit };
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
                var entries = await new AuditLog(source).ListAsync(p.GetValue(repository), null, most, cancel);
                Listing.Write(p.GetValue(json), entries, ["at", "who", "what", "repository", "reference", "digest", "event", "detail"], e =>
                    [$"{e.At:u}", e.Who, e.What, e.Repository ?? "", e.Reference ?? "", e.Digest ?? "", $"{e.EventId}", e.Detail ?? ""]);
                return ExitCodes.Success;
            });
        });
        return command;
    }
}
