using System.CommandLine;
using GeoDR.Dashboard.Access;
using GeoDR.Sites;

namespace GeoDR.Cli;

/// <summary>Tokens for scripts that call the API.</summary>
internal static class ApiTokenVerbs
{
    public static Command Command()
    {
        var name = new Argument<string>("name") { Description = "what it is for" };
        var role = new Option<string>("--role") { Description = "viewer, operator or admin", DefaultValueFactory = _ => Roles.Viewer };
        var lifetime = new Option<string?>("--lifetime") { Description = "such as 90d; until it is revoked when not given" };
        var fresh = new Command("new", "make a token; it is shown once") { name, role, lifetime };
        fresh.SetAction((p, cancel) => NewAsync(p.GetValue(name)!, p.GetValue(role)!, p.GetValue(lifetime), cancel));
        var json = new Option<bool>("--json") { Description = "nothing but JSON on stdout" };
        var list = new Command("list", "the tokens, without their secrets") { json };
        list.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(async source =>
        {
            var tokens = await new ApiTokenStore(source).ListAsync(cancel);
            Listing.Write(p.GetValue(json), tokens, ["name", "role", "made", "ends"],
                t => [t.Name, t.Role, $"{t.CreatedAt:u}", t.ExpiresAt is { } end ? $"{end:u}" : "never"]);
            return ExitCodes.Success;
        }));
        var old = new Argument<string>("name");
        var revoke = new Command("revoke", "refuse it from now on") { old };
        revoke.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(async source =>
        {
            var outcome = await new TokenAccounts(new(source)).RevokeAsync(p.GetValue(old)!, Shell.User, cancel);
            return await UserVerbs.SayAsync(outcome);
        }));
        return new Command("apitoken", "tokens for scripts that call the API") { fresh, list, revoke };
    }

    private static Task<int> NewAsync(string name, string role, string? lifetime, CancellationToken cancel) => VerbSettings.WithDatabaseAsync(async source =>
        await UserVerbs.SayAsync(await new TokenAccounts(new(source)).NewAsync(name, role, lifetime, Shell.User, cancel)));
}
