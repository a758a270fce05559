using System.Security.Claims;
using GeoDR.Sites;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Identity;

namespace GeoDR.Dashboard.Access;

/// <summary>What came of a sign-in.</summary>
/// <param name="Principal">Null when it failed.</param>
/// <param name="Refused">For the audit log alone: why.</param>
/// <param name="Who">A user's name. What is nobody's is not kept: it may be a password in the wrong box.</param>
public readonly record struct SignInAttempt(ClaimsPrincipal? Principal, string? Refused, string Who);

/// <summary>Verifies names and passwords. An unknown, a locked and a known user cost the same and get the same answer.</summary>
public sealed partial class SignIn(UserStore users, TimeProvider time, ILogger<SignIn> log)
{
    /// <summary>The claim that carries a user's stamp.</summary>
    public const string StampClaim = "stamp";

    /// <summary>Longer names and passwords are refused unread.</summary>
    public const int MostCharacters = 256;

    private static readonly PasswordHasher<string> s_hasher = new();
    private static readonly string s_nobody = s_hasher.HashPassword("", Guid.NewGuid().ToString());

    /// <summary>A hash to store, of the hasher that <see cref="VerifyAsync"/> uses.</summary>
    public static string Hash(string password) => s_hasher.HashPassword("", password);

    private const string Nobody = "unknown user";

    public async Task<SignInAttempt> VerifyAsync(string? name, string? password, CancellationToken cancel)
    {
        // PostgreSQL's text holds no NUL.
        if (string.IsNullOrEmpty(name) || string.IsNullOrEmpty(password) || name.Contains('\0')
            || name.Length > MostCharacters || password.Length > MostCharacters)
            return new(null, RefusalKinds.Password, Nobody);
        var attempt = await users.BeginAsync(name, cancel);
        var verified = s_hasher.VerifyHashedPassword("", attempt?.PasswordHash ?? s_nobody, password);
        if (attempt is null || verified == PasswordVerificationResult.Failed)
        {
            // Asked in every case, so that the time tells nothing.
            var known = await users.FindAsync(name, cancel);
            var locked = known?.Locked == true;
            LogRefused(known?.Name ?? Nobody, known is null ? "unknown" : locked ? "locked" : "wrong password");
            return new(null, locked ? RefusalKinds.Locked : RefusalKinds.Password, known?.Name ?? Nobody);
        }
        await users.SucceededAsync(name, cancel);
        LogSignedIn(name, attempt.User.Role);
        return new(Principal(attempt.User), null, name);
    }

    /// <summary>Whether the user still is who the session says: not removed, same role, same password.</summary>
    public async Task<bool> IsCurrentAsync(ClaimsPrincipal principal, CancellationToken cancel) => ProxyAuthentication.IsProxied(principal)
        ? ProxyAuthentication.IsCurrent(principal, time.GetUtcNow())
        : principal.Identity is { IsAuthenticated: true, Name: { } name }
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
