using System.CommandLine;

namespace GeoDR.Cli;

/// <summary>The command line.</summary>
internal static class Verbs
{
    public static RootCommand Root()
    {
        var root = new RootCommand("GeoDR keeps a second site's container registry ready to take over.")
        {
            Serve(), Worker(), Migrate(), Status(), Check(), Resync(), VerifyVerb.Command(), Pause("pause", "hold the sync; the log is followed all the same", true),
            Pause("resume", "let the sync go on", false), Key(), Token(), UserVerbs.Command(), ApiTokenVerbs.Command(),
            ReconcileVerb.Command(), QuarantineVerbs.Command(), LossVerb.Command(),
            PreflightVerb.Command(), DrillVerb.Command(), PromoteVerb.Command(), DivergentVerbs.Command(), DeletionVerbs.Command(), AuditVerb.Command(), ScheduleVerbs.Command(), AlertVerbs.Command(), HealthVerb.Command(), CompletionVerb.Command(),
        };
        foreach (var command in ListVerbs.Commands().Concat(WorkVerbs.Commands()).Concat(FailoverVerbs.Commands()))
            root.Subcommands.Add(command);
        return root;
    }

    private static Command Serve()
    {
        var command = new Command("serve", "run this site: web, API, dashboard, intake; by role, writing the log, or tailing and sync");
        command.SetAction((_, cancel) => ServeVerb.RunAsync(cancel));
        return command;
    }

    private static Command Worker()
    {
        var command = new Command("worker", "(secondary) sync workers only; as many processes or machines as wanted");
        command.SetAction((_, cancel) => ServeVerb.RunWorkerAsync(cancel));
        return command;
    }

    private static Command Migrate()
    {
        var dry = new Option<bool>("--dry-run") { Description = "only list what would be done" };
        var command = new Command("migrate", "bring the database's schema up to date, and stop") { dry };
        command.SetAction((p, cancel) => p.GetValue(dry) ? DatabaseVerbs.PendingAsync(cancel) : DatabaseVerbs.MigrateAsync(cancel));
        return command;
    }

    private static Command Status()
    {
        var json = new Option<bool>("--json") { Description = "nothing but JSON on stdout" };
        var watch = new Option<bool>("--watch") { Description = "again every two seconds" };
        var command = new Command("status", "role, health, cursor, lag, counts by state, oldest unsynced push, bytes waiting; exits 1 when unhealthy") { json, watch };
        command.SetAction((p, cancel) => StatusVerb.RunAsync(p.GetValue(json), p.GetValue(watch), cancel));
        return command;
    }

    private static Command Check()
    {
        var json = new Option<bool>("--json") { Description = "nothing but JSON on stdout" };
        var command = new Command("check", "prove the configuration; one line each, with the mend; exits 1 when a check fails") { json };
        command.SetAction((p, cancel) => CheckVerb.RunAsync(p.GetValue(json), cancel));
        return command;
    }

    private static Command Resync()
    {
        var repository = new Option<string?>("--repository") { Description = "one repository" };
        var all = new Option<bool>("--all") { Description = "all; the primary's catalog is read again" };
        var filter = new FilterOptions();
        var command = filter.AddTo(new Command("resync", "(secondary) mark for sync: one repository, all, or those that a filter leaves") { repository, all });
        command.SetAction((p, cancel) => DatabaseVerbs.ResyncAsync(p.GetValue(repository), p.GetValue(all), filter.Read(p), cancel));
        return command;
    }

    private static Command Pause(string name, string description, bool paused)
    {
        var command = new Command(name, description);
        command.SetAction((_, cancel) => DatabaseVerbs.PauseAsync(paused, cancel));
        return command;
    }

    private static Command Key()
    {
        var secret = new Option<string>("--private") { Description = "where the private key goes; kept from others' eyes, never overwritten", Required = true };
        var open = new Option<string>("--public") { Description = "where the public key goes, for the other sites", Required = true };
        var fresh = new Command("new", "make this site's key for calls between sites") { secret, open };
        fresh.SetAction(p => KeyVerbs.New(p.GetValue(secret)!, p.GetValue(open)!));
        return new Command("key", "this site's key") { fresh };
    }

    private static Command Token()
    {
        var repository = new Option<string>("--repository") { Description = "the one repository it may pull", Required = true };
        var own = new Option<bool>("--own") { Description = "for this site's registry instead of the primary's" };
        var command = new Command("token", "a pull token to try by hand; granted by the primary where that is set") { repository, own };
        command.SetAction((p, cancel) => KeyVerbs.TokenAsync(p.GetValue(repository)!, p.GetValue(own), cancel));
        return command;
    }
}
