using GeoDR.Dashboard.Access;
using GeoDR.Dashboard.Live;
using GeoDR.Sites;
using Microsoft.AspNetCore.Components;
using Radzen;

namespace GeoDR.Dashboard.Pages;

/// <summary>The tokens that the API takes.</summary>
public sealed partial class TokensPage : ReadingPage
{
    private sealed class NewToken
    {
        public string Name { get; set; } = "";

        public string Role { get; set; } = Roles.Viewer;

        public string Lifetime { get; set; } = "90d";
    }

    private IReadOnlyList<ApiToken> _tokens = [];
    private NewToken _new = new();
    private string? _secret;
    private string _secretOf = "";

    [Inject] private TokenAccounts Tokens { get; set; } = null!;

    [Inject] private DialogService Dialogs { get; set; } = null!;

    protected override async Task ReadRowsAsync() => _tokens = await Tokens.ListAsync(Closed);

    private async Task AddAsync()
    {
        var wanted = _new;
        if (await ActAsync(by => Tokens.NewAsync(wanted.Name.Trim(), wanted.Role, wanted.Lifetime, by, Closed)) is { IsDone: true } made)
            (_secret, _secretOf, _new) = (made.Secret, $"The API token {wanted.Name.Trim()}", new());
    }

    private async Task RevokeAsync(ApiToken token)
    {
        if (await Dialogs.Confirm($"Whatever calls with {token.Name} is refused from now on.", "Revoke", new() { OkButtonText = "Revoke", CancelButtonText = "Cancel" }) == true)
            await ActAsync(by => Tokens.RevokeAsync(token.Name, by, Closed));
    }

    private async Task<AccountOutcome?> ActAsync(Func<string, Task<AccountOutcome>> act)
    {
        Working = true;
        var outcome = await Operations.AsAdminAsync(act, Closed);
        Working = false;
        await Operations.GuardAsync(ReadAsync);
        return outcome;
    }
}
