using System.Security.Claims;
using GeoDR.Sites;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Server;
using Npgsql;

namespace GeoDR.Dashboard.Access;

/// <summary>A page that stays open makes no requests: its session is checked again every half minute.</summary>
public sealed class SessionCheck(ILoggerFactory logs, SignIn signIn) : RevalidatingServerAuthenticationStateProvider(logs)
{
    protected override TimeSpan RevalidationInterval { get; } = TimeSpan.FromSeconds(30);

    protected override async Task<bool> ValidateAuthenticationStateAsync(AuthenticationState authenticationState, CancellationToken cancellationToken)
    {
        try
        {
            return await signIn.IsCurrentAsync(authenticationState.User, cancellationToken);
        }
        catch (NpgsqlException)
        {
            // Without its database a page shows nothing new and changes nothing; the next check decides.
            return true;
        }
    }
}

/// <summary>Who sits before the page, asked again at every act.</summary>
public sealed class Actor(AuthenticationStateProvider authentication, SignIn signIn)
{
    /// <summary>Who acts and from where, and whether they may (still).</summary>
    public async Task<(string Name, string? Address, bool May)> AskAsync(string role, CancellationToken cancel)
    {
        var user = (await authentication.GetAuthenticationStateAsync()).User;
        return (user.Identity?.Name ?? "", ClientAddress.Of(user), May(user, role) && await signIn.IsCurrentAsync(user, cancel));
    }

    public async Task<bool> MayAsync(string role) => May((await authentication.GetAuthenticationStateAsync()).User, role);

    private static bool May(ClaimsPrincipal user, string role) => Roles.Includes(user.FindFirstValue(ClaimTypes.Role), role);
}
