using System.Security.Cryptography;
using GeoDR.Sites;

namespace GeoDR.Dashboard.Access;

/// <summary>What may be done to the dashboard's users, and by whose word: the rules of the dashboard, the API and the command line.</summary>
internal sealed class UserAccounts(UserStore users)
{
    private const int LeastCharacters = 8;

    public Task<IReadOnlyList<User>> ListAsync(CancellationToken cancel) => users.ListAsync(cancel);

    /// <param name="password">Null: one is made.</param>
    public async Task<AccountOutcome> AddAsync(string? name, string? role, string? password, string by, CancellationToken cancel)
    {
        if (Fault(name, role) is { } fault)
            return fault;
        if (PasswordFault(password) is { } bad)
            return bad;
        var secret = password ?? Make();
        return await users.AddAsync(name!, SignIn.Hash(secret), role!, by, cancel)
            ? AccountOutcome.Done($"{name} may sign in as {role}.", password is null ? secret : null)
            : AccountOutcome.Refused($"There is a user {name} already: give another role or a new password, or take another name.");
    }

    /// <summary>The same, and a known name gets the password and the role.</summary>
    public async Task<AccountOutcome> PutAsync(string name, string role, string? password, string by, CancellationToken cancel)
    {
        if (await AddAsync(name, role, password, by, cancel) is { Result: not AccountResult.Refused } added)
            return added;
        return await SetRoleAsync(name, role, by, itself: true, cancel) is { IsDone: false } refused ? refused
            : await ResetAsync(name, password, by, cancel) is { IsDone: true } reset ? reset with { Words = $"{name} may sign in as {role}." } : Unknown(name);
    }

    /// <param name="itself">Whoever asks knows that it is they themselves.</param>
    public async Task<AccountOutcome> RemoveAsync(string name, string by, bool itself, CancellationToken cancel) =>
        OwnFault(name, by, itself) ?? Outcome(name, await users.RemoveAsync(Known(name), by, cancel), $"{name} may no longer sign in.");

    /// <inheritdoc cref="RemoveAsync"/>
    public async Task<AccountOutcome> SetRoleAsync(string name, string? role, string by, bool itself, CancellationToken cancel) =>
        !Roles.All.Contains(role ?? "") ? AccountOutcome.Bad(AccountRules.NoRole(role))
        : (role == Roles.Admin ? null : OwnFault(name, by, itself)) ?? Outcome(name, await users.SetRoleAsync(Known(name), role!, by, cancel), $"{name} is {role} now, and signs in again.");

    /// <summary>A new password ends a lock, and every session.</summary>
    /// <param name="password">Null: one is made.</param>
    public async Task<AccountOutcome> ResetAsync(string name, string? password, string by, CancellationToken cancel)
    {
        if (PasswordFault(password) is { } bad)
            return bad;
        var secret = password ?? Make();
        return Outcome(name, await users.SetPasswordAsync(Known(name), SignIn.Hash(secret), by, cancel), $"{name} has a new password, and signs in again.") is { IsDone: true } done
            ? done with { Secret = password is null ? secret : null } : Unknown(name);
    }

    public async Task<AccountOutcome> UnlockAsync(string name, string by, CancellationToken cancel) =>
        Outcome(name, await users.UnlockAsync(Known(name), by, cancel), $"{name} may try to sign in again.");

    private static AccountOutcome? Fault(string? name, string? role) => AccountRules.NameFault(name) is { } fault ? AccountOutcome.Bad(fault)
        : Roles.All.Contains(role ?? "") ? null : AccountOutcome.Bad(AccountRules.NoRole(role));

    private static AccountOutcome? PasswordFault(string? password) => password is null or { Length: >= LeastCharacters and <= SignIn.MostCharacters } ? null
        : AccountOutcome.Bad($"A password has {LeastCharacters} to {SignIn.MostCharacters} characters.");

    private static AccountOutcome? OwnFault(string name, string by, bool itself) => name != by || itself ? null
        : AccountOutcome.Refused($"{name} is you: you would lock yourself out. Say so (\"self\": true) if you mean it.");

    private static AccountOutcome Outcome(string name, UserChange change, string done) => change switch
    {
        UserChange.Done => AccountOutcome.Done(done),
        UserChange.LastAdmin => AccountOutcome.Refused($"{name} is the only administrator: make another one first."),
        _ => Unknown(name),
    };

    private static AccountOutcome Unknown(string name) => AccountOutcome.Unknown($"There is no user {name}; `geodr user list` names them.");

    // PostgreSQL's text holds no NUL, and no name does.
    private static string Known(string name) => name.Replace("\0", "", StringComparison.Ordinal);

    private static string Make() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12));
}
