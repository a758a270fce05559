using GeoDR.Dashboard.Access;
using GeoDR.Dashboard.Live;
using GeoDR.Sites;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Authorization;
using Radzen;

namespace GeoDR.Dashboard.Pages;

/// <summary>Who may sign in, and as what.</summary>
public sealed partial class UsersPage : ReadingPage
{
    private sealed class NewUser
    {
        public string Name { get; set; } = "";

        public string Role { get; set; } = Roles.Viewer;
    }

    private IReadOnlyList<User> _users = [];
    private NewUser _new = new();
    private string? _secret;
    private string _secretOf = "";
    private string? _self;
    private int _turn;

    [Inject] private UserAccounts Users { get; set; } = null!;

    [Inject] private DialogService Dialogs { get; set; } = null!;

    [CascadingParameter] private Task<AuthenticationState> Authentication { get; set; } = null!;

    protected override async Task ReadRowsAsync()
    {
        _self = (await Authentication).User.Identity?.Name;
        _users = await Users.ListAsync(Closed);
    }

    private async Task AddAsync()
    {
        var name = _new.Name.Trim();
        if (await ActAsync($"The password of {name}", by => Users.AddAsync(name, _new.Role, null, by, Closed)))
            _new = new();
    }

    private async Task ChangeRoleAsync(User user, string? role)
    {
        if (await AskAsync($"{user.Name} becomes {role}{(user.Name == _self ? ": that is you, and you may less than now" : "")}. Whoever is signed in under that name signs in again.", "Change the role"))
            await ActAsync("", by => Users.SetRoleAsync(user.Name, role, by, itself: true, Closed));
        // What the box shows is what is so, whether it was changed or not.
        _turn++;
    }

    private async Task ResetAsync(User user)
    {
        if (await AskAsync($"{user.Name} gets a new password, which is shown here once. Whoever is signed in under that name signs in again.", "New password"))
            await ActAsync($"The new password of {user.Name}", by => Users.ResetAsync(user.Name, null, by, Closed));
    }

    private Task<bool> UnlockAsync(User user) => ActAsync("", by => Users.UnlockAsync(user.Name, by, Closed));

    private async Task RemoveAsync(User user)
    {
        if (await AskAsync($"{user.Name} may no longer sign in{(user.Name == _self ? ": that is you" : "")}. Whoever is signed in under that name is out at once.", "Remove"))
            await ActAsync("", by => Users.RemoveAsync(user.Name, by, itself: true, Closed));
    }

    private async Task<bool> AskAsync(string question, string verb) =>
        await Dialogs.Confirm(question, verb, new() { OkButtonText = verb, CancelButtonText = "Cancel" }) == true;

    private async Task<bool> ActAsync(string secretOf, Func<string, Task<AccountOutcome>> act)
    {
        Working = true;
        var outcome = await Operations.AsAdminAsync(act, Closed);
        if (outcome?.Secret is { } secret)
            (_secret, _secretOf) = (secret, secretOf);
        Working = false;
        await Operations.GuardAsync(ReadAsync);
        return outcome?.IsDone == true;
    }
}
