using System.Security.Cryptography;
using Microsoft.AspNetCore.Identity;

namespace GeoDR.Cli;

/// <summary>Dashboard users.</summary>
internal static class UserVerbs
{
    private const int LeastLength = 8;

    public static Task<int> AddAsync(string name, string role, bool fromStdin, CancellationToken cancel)
    {
        var words = name.Length is 0 or > 64 ? "A name has 1 to 64 characters."
            : role is not ("viewer" or "operator" or "admin") ? $"'{role}' is no role; write viewer, operator or admin."
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
            var hash = new PasswordHasher<string>().HashPassword(name, password);
            await using var command = source.CreateCommand("""
                insert into app_user (name, password_hash, role) values ($1, $2, $3)
                on conflict (name) do update set password_hash = excluded.password_hash, role = excluded.role,
                    failed_logins = 0, locked_until = null, stamp = gen_random_uuid()
                """);
            foreach (var value in new[] { name, hash, role })
                command.Parameters.Add(new() { Value = value });
            await command.ExecuteNonQueryAsync(cancel);
            await Console.Error.WriteLineAsync($"{name} may sign in as {role}.");
            if (!fromStdin)
                Console.WriteLine(password);
            return ExitCodes.Success;
        });
    }
}
