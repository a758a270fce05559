using System.CommandLine;
using GeoDR.Configuration;
using GeoDR.Sites;
using Spectre.Console;

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
            var found = await new ApiTokenStore(source).RevokeAsync(p.GetValue(old)!, cancel);
            await Console.Error.WriteLineAsync(found ? "It is refused from now on." : $"There is no API token {p.GetValue(old)}; `geodr apitoken list` names them.");
            return found ? ExitCodes.Success : ExitCodes.Failed;
        }));
        return new Command("apitoken", "tokens for scripts that call the API") { fresh, list, revoke };
    }

    private static Task<int> NewAsync(string name, string role, string? lifetime, CancellationToken cancel)
    {
        TimeSpan? life = null;
        var words = name.Length is 0 or > 64 ? "A name has 1 to 64 characters."
            : !Roles.All.Contains(role) ? $"'{role}' is no role; write viewer, operator or admin."
            : null;
        if (lifetime is not null)
        {
            if (Duration.TryParse(lifetime, out var parsed) && parsed > TimeSpan.Zero && parsed <= TimeSpan.FromDays(3660))
                life = parsed;
            else
                words ??= $"'{lifetime}' is no lifetime; write one such as 12h or 90d, ten years at most.";
        }
        if (words is not null)
        {
            Console.Error.WriteLine(words);
            return Task.FromResult(ExitCodes.Usage);
        }
        return VerbSettings.WithDatabaseAsync(async source =>
        {
            if (await new ApiTokenStore(source).NewAsync(name, role, life, cancel) is not { } token)
            {
                await Console.Error.WriteLineAsync($"There is an API token {name} already; revoke it first, or take another name.");
                return ExitCodes.Failed;
            }
            await Console.Error.WriteLineAsync($"Send it as `Authorization: Bearer …`; it acts as {role} and is not shown again.");
            Console.WriteLine(token);
            return ExitCodes.Success;
        });
    }
}
