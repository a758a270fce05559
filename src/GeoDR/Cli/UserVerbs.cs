using System.CommandLine;
using System.Security.Cryptography;
using GeoDR.Dashboard.Access;
using GeoDR.Sites;

namespace GeoDR.Cli;

/// <summary>Dashboard users.</summary>
internal static class UserVerbs
{
    private const int LeastLength = 8;

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
        remove.SetAction((p, cancel) => ChangeAsync(p.GetValue(gone)!, (users, who) => users.RemoveAsync(who, cancel), "may no longer sign in"));
        var (whose, becomes) = (new Argument<string>("name"), new Argument<string>("role") { Description = "viewer, operator or admin" });
        var change = new Command("role", "give another role; who it is signs in again") { whose, becomes };
        change.SetAction((p, cancel) =>
        {
            var wanted = p.GetValue(becomes)!;
            if (Roles.All.Contains(wanted))
                return ChangeAsync(p.GetValue(whose)!, (users, who) => users.SetRoleAsync(who, wanted, cancel), $"is {wanted} now");
            Console.Error.WriteLine(NoRole(wanted));
            return Task.FromResult(ExitCodes.Usage);
        });
        return new Command("user", "dashboard users") { add, list, remove, change };
    }

    private static Task<int> ChangeAsync(string name, Func<UserStore, string, Task<bool>> change, string outcome) => VerbSettings.WithDatabaseAsync(async source =>
    {
        var found = await change(new UserStore(source), name);
        await Console.Error.WriteLineAsync(found ? $"{name} {outcome}." : $"There is no user {name}; `geodr user list` names them.");
        return found ? ExitCodes.Success : ExitCodes.Failed;
    });

    private static string NoRole(string role) => $"'{role}' is no role; write viewer, operator or admin.";

    private static Task<int> AddAsync(string name, string role, bool fromStdin, CancellationToken cancel)
    {
        var words = name.Length is 0 or > 64 ? "A name has 1 to 64 characters."
            : !Roles.All.Contains(role) ? NoRole(role)
            : null;
        var password = fromStdin ? Console.In.ReadLine() ?? "" : Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12));
        if (password.Length < LeastLength)
            words ??= $"A password has at least {LeastLength} characters.";
        if (words is not null)
        {
            Console.Error.WriteLine(words);
            return Task.FromResult(ExitCodes.Usage);
        }
        return VerbSettings.WithDatabaseAsync(async source =>
        {
            var users = new UserStore(source);
            var hash = SignIn.Hash(password);
            // A known name gets the new password and role, and whoever is signed in with the old ones is out.
            if (!await users.AddAsync(name, hash, role, cancel))
            {
                await users.SetPasswordAsync(name, hash, cancel);
                await users.SetRoleAsync(name, role, cancel);
            }
            await Console.Error.WriteLineAsync($"{name} may sign in as {role}.");
            if (!fromStdin)
                Console.WriteLine(password);
            return ExitCodes.Success;
        });
    }
}
