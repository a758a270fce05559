using System.Security.Cryptography;
using GeoDR.Dashboard.Access;
using GeoDR.Sites;

namespace GeoDR.Cli;

/// <summary>Dashboard users.</summary>
internal static class UserVerbs
{
    private const int LeastLength = 8;

    public static Task<int> AddAsync(string name, string role, bool fromStdin, CancellationToken cancel)
    {
        var words = name.Length is 0 or > 64 ? "A name has 1 to 64 characters."
            : !Roles.All.Contains(role) ? $"'{role}' is no role; write viewer, operator or admin."
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
