using GeoDR.Configuration;
using GeoDR.Sites;

namespace GeoDR.Dashboard.Access;

/// <summary>What may be done to the API's tokens: the rules of the dashboard, the API and the command line.</summary>
internal sealed class TokenAccounts(ApiTokenStore tokens)
{
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(3660);

    public Task<IReadOnlyList<ApiToken>> ListAsync(CancellationToken cancel) => tokens.ListAsync(cancel);

    /// <param name="lifetime">Such as 12h or 90d; null: until it is revoked.</param>
    public async Task<AccountOutcome> NewAsync(string? name, string? role, string? lifetime, string by, CancellationToken cancel)
    {
        if (AccountRules.NameFault(name) is { } fault)
            return AccountOutcome.Bad(fault);
        if (!Roles.All.Contains(role ?? ""))
            return AccountOutcome.Bad(AccountRules.NoRole(role));
        TimeSpan? life = null;
        if (!string.IsNullOrEmpty(lifetime))
        {
            if (!Duration.TryParse(lifetime, out var parsed) || parsed <= TimeSpan.Zero || parsed > s_longest)
                return AccountOutcome.Bad($"'{lifetime}' is no lifetime; write one such as 12h or 90d, ten years at most.");
            life = parsed;
        }
        return await tokens.NewAsync(name!, role!, life, by, cancel) is { } token
            ? AccountOutcome.Done($"Send it as `Authorization: Bearer …`; it acts as {role} and is not shown again.", token)
            : AccountOutcome.Refused($"There is an API token {name} already; revoke it first, or take another name.");
    }

    public async Task<AccountOutcome> RevokeAsync(string name, string by, CancellationToken cancel) => await tokens.RevokeAsync(name, by, cancel)
        ? AccountOutcome.Done($"The API token {name} is refused from now on.")
        : AccountOutcome.Unknown($"There is no API token {name}; `geodr apitoken list` names them.");
}
