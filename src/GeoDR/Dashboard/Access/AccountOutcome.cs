namespace GeoDR.Dashboard.Access;

/// <summary>What came of a change to users or API tokens.</summary>
internal enum AccountResult
{
    Done,
    /// <summary>What was asked for makes no sense; the words say what would.</summary>
    Bad,
    /// <summary>There is none of that name.</summary>
    Unknown,
    /// <summary>A rule forbids it.</summary>
    Refused,
}

/// <summary>The same words for the dashboard, the API and the command line.</summary>
/// <param name="Secret">A password or token that was made: shown to whoever asked, once, and kept nowhere.</param>
internal sealed record AccountOutcome(AccountResult Result, string Words, string? Secret = null)
{
    public bool IsDone => Result == AccountResult.Done;

    public static AccountOutcome Done(string words, string? secret = null) => new(AccountResult.Done, words, secret);

    public static AccountOutcome Bad(string words) => new(AccountResult.Bad, words);

    public static AccountOutcome Unknown(string words) => new(AccountResult.Unknown, words);

    public static AccountOutcome Refused(string words) => new(AccountResult.Refused, words);
}

/// <summary>What holds for the names of users and of API tokens.</summary>
internal static class AccountRules
{
    /// <summary>How the audit log names whoever is no local user: nobody may be called so.</summary>
    public const string TokenPrefix = "token ", ProxyPrefix = "proxy ";

    private const int MostCharacters = 64;

    /// <summary>Null where the name may be given.</summary>
    public static string? NameFault(string? name) => name is null or { Length: 0 or > MostCharacters } ? $"A name has 1 to {MostCharacters} characters."
        : name.Any(c => char.IsControl(c) || c is '/' or '\\') || name != name.Trim() ? "A name has no control characters, no slashes, and no spaces at its ends."
        : name.StartsWith(TokenPrefix, StringComparison.OrdinalIgnoreCase) || name.StartsWith(ProxyPrefix, StringComparison.OrdinalIgnoreCase)
            ? $"A name does not begin with '{TokenPrefix}' or '{ProxyPrefix}': the audit log calls others so."
        : null;

    public static string NoRole(string? role) => $"'{role}' is no role; write viewer, operator or admin.";
}
