using System.Security.Claims;
using GeoDR.Sites;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Identity;

namespace GeoDR.Dashboard.Access;

/// <summary>Verifies names and passwords. An unknown, a locked and a known user cost the same and get the same answer.</summary>
public sealed partial class SignIn(UserStore users, ILogger<SignIn> log)
{
    /// <summary>The claim that carries a user's stamp.</summary>
    public const string StampClaim = "stamp";

    /// <summary>Longer names and passwords are refused unread.</summary>
    public const int MostCharacters = 256;

    private static readonly PasswordHasher<string> s_hasher = new();
    private static readonly string s_nobody = s_hasher.HashPassword("", Guid.NewGuid().ToString());

    /// <summary>A hash to store, of the hasher that <see cref="VerifyAsync"/> uses.</summary>
    public static string Hash(string password) => s_hasher.HashPassword("", password);

    /// <summary>Null when the login fails, for whatever reason.</summary>
    public async Task<ClaimsPrincipal?> VerifyAsync(string? name, string? password, CancellationToken cancel)
    {
        // PostgreSQL's text holds no NUL.
        if (string.IsNullOrEmpty(name) || string.IsNullOrEmpty(password) || name.Contains('\0')
            || name.Length > MostCharacters || password.Length > MostCharacters)
            return null;
        var attempt = await users.BeginAsync(name, cancel);
        var verified = s_hasher.VerifyHashedPassword("", attempt?.PasswordHash ?? s_nobody, password);
        if (attempt is null || verified == PasswordVerificationResult.Failed)
        {
            LogRefused(name, attempt is null ? "unknown or locked" : "wrong password");
            return null;
        }
        await users.SucceededAsync(name, cancel);
        LogSignedIn(name, attempt.User.Role);
        return Principal(attempt.User);
    }

    /// <summary>Whether the user still is who the session says: not removed, same role, same password.</summary>
    public async Task<bool> IsCurrentAsync(ClaimsPrincipal principal, CancellationToken cancel) =>
        principal.Identity is { IsAuthenticated: true, Name: { } name }
        && await users.FindAsync(name, cancel) is { } user
        && principal.HasClaim(StampClaim, user.Stamp.ToString());

    private static ClaimsPrincipal Principal(User user) => new(new ClaimsIdentity(
        [new(ClaimTypes.Name, user.Name), new(ClaimTypes.Role, user.Role), new(StampClaim, user.Stamp.ToString())],
        CookieAuthenticationDefaults.AuthenticationScheme));

    [LoggerMessage(4001, LogLevel.Information, "{User} signed in as {Role}")]
    private partial void LogSignedIn(string user, string role);

    [LoggerMessage(4002, LogLevel.Warning, "A login as {User} was refused: {Reason}")]
    private partial void LogRefused(string user, string reason);
}
