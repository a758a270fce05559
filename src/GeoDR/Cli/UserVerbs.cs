using System.CommandLine;
using GeoDR.Dashboard.Access;
using GeoDR.Sites;

namespace GeoDR.Cli;

/// <summary>Dashboard users.</summary>
internal static class UserVerbs
{
    public static Command Command()
    {
        var name = new Argument<string>("name");
        var role = new Option<string>("--role") { Description = "viewer, operator or admin", DefaultValueFactory = _ => "admin" };
        var stdin = new Option<bool>("--password-stdin") { Description = "read the password from stdin; otherwise one is made and shown once" };
        var add = new Command("add", "add a dashboard user, or set a new password") { name, role, stdin };
        add.SetAction((p, cancel) => AddAsync(p.GetValue(name)!, p.GetValue(role)!, p.GetValue(stdin), cancel));
        var json = new Option<bool>("--json") { Description = "nothing but JSON on stdout" };
        var list = new Command("list", "who may sign in, and as what") { json };
        list.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(async source =>
        {
            var users = await new UserStore(source).ListAsync(cancel);
            Listing.Write(p.GetValue(json), [.. users.Select(u => new { u.Name, u.Role, u.Locked, u.CreatedAt })], ["name", "role", "locked", "added"],
                u => [u.Name, u.Role, u.Locked ? "locked" : "", $"{u.CreatedAt:u}"]);
            return ExitCodes.Success;
        }));
        var gone = new Argument<string>("name");
        var remove = new Command("remove", "who it was is signed out") { gone };
        remove.SetAction((p, cancel) => ChangeAsync((users, by) => users.RemoveAsync(p.GetValue(gone)!, by, itself: true, cancel)));
        var (whose, becomes) = (new Argument<string>("name"), new Argument<string>("role") { Description = "viewer, operator or admin" });
        var change = new Command("role", "give another role; who it is signs in again") { whose, becomes };
        change.SetAction((p, cancel) => ChangeAsync((users, by) => users.SetRoleAsync(p.GetValue(whose)!, p.GetValue(becomes), by, itself: true, cancel)));
        var locked = new Argument<string>("name");
        var unlock = new Command("unlock", "let somebody try again after too many wrong passwords") { locked };
        unlock.SetAction((p, cancel) => ChangeAsync((users, by) => users.UnlockAsync(p.GetValue(locked)!, by, cancel)));
        return new Command("user", "dashboard users") { add, list, remove, change, unlock };
    }

    /// <summary>The words for people; a secret that was made, alone on the standard output.</summary>
    public static async Task<int> SayAsync(AccountOutcome outcome)
    {
        await Console.Error.WriteLineAsync(outcome.Words);
        if (outcome.Secret is { } secret)
            Console.WriteLine(secret);
        return outcome.Result switch
        {
            AccountResult.Done => ExitCodes.Success,
            AccountResult.Bad => ExitCodes.Usage,
            _ => ExitCodes.Failed,
        };
    }

    private static Task<int> ChangeAsync(Func<UserAccounts, string, Task<AccountOutcome>> change) =>
        VerbSettings.WithDatabaseAsync(async source => await SayAsync(await change(new(new(source)), Shell.User)));

    // A known name gets the new password and role, and whoever is signed in with the old ones is out.
    private static Task<int> AddAsync(string name, string role, bool fromStdin, CancellationToken cancel)
    {
        var password = fromStdin ? Console.In.ReadLine() ?? "" : null;
        return ChangeAsync((users, by) => users.PutAsync(name, role, password, by, cancel));
    }
}
